// The page's own words, in the first of the browser's languages that is here.
const languages = {
  en: {
    greeting: "Ask a question. Every answer shows where it comes from.",
    ask: "Ask a question", send: "Send", stop: "Stop", wait: "One moment", you: "You", me: "Assistant",
    conversation: "Conversation", fresh: "New conversation", writing: "The answer is being written.",
    starting: "Starting. You can write already.", failed: "The assistant is not available at the moment.",
    lost: "Connection lost. Trying again…", stopped: "Stopped.", again: "Try again",
    error: "Something went wrong, and there is no answer.", gone: "This question is not known any more.",
    often: (seconds) => `That was very fast. Please try again in ${seconds} s.`,
    long: "This question is too long. Please shorten it.",
    sources: "Sources", source: "Source", page: "page", original: "Open the original",
    opinion: "Was this helpful?", helpful: "Helpful", unhelpful: "Not helpful", thanks: "Thank you.",
    key: "This assistant asks for an API key", proceed: "Continue", keyless: "An API key is needed.",
  },
  de: {
    greeting: "Stellen Sie eine Frage. Jede Antwort zeigt, woher sie kommt.",
    ask: "Frage stellen", send: "Senden", stop: "Anhalten", wait: "Einen Moment", you: "Sie", me: "Assistent",
    conversation: "Unterhaltung", fresh: "Neue Unterhaltung", writing: "Die Antwort wird geschrieben.",
    starting: "Startet. Sie können schon schreiben.", failed: "Der Assistent ist zurzeit nicht erreichbar.",
    lost: "Verbindung verloren. Neuer Versuch…", stopped: "Angehalten.", again: "Noch einmal versuchen",
    error: "Etwas ist schiefgegangen, es gibt keine Antwort.", gone: "Diese Frage ist nicht mehr bekannt.",
    often: (seconds) => `Das ging sehr schnell. Bitte in ${seconds} s noch einmal versuchen.`,
    long: "Diese Frage ist zu lang. Bitte kürzen Sie sie.",
    sources: "Quellen", source: "Quelle", page: "Seite", original: "Original öffnen",
    opinion: "War das hilfreich?", helpful: "Hilfreich", unhelpful: "Nicht hilfreich", thanks: "Danke.",
    key: "Dieser Assistent verlangt einen API-Schlüssel", proceed: "Weiter", keyless: "Ein API-Schlüssel wird gebraucht.",
  },
  es: {
    greeting: "Haga una pregunta. Cada respuesta muestra de dónde viene.",
    ask: "Haga una pregunta", send: "Enviar", stop: "Detener", wait: "Un momento", you: "Usted", me: "Asistente",
    conversation: "Conversación", fresh: "Nueva conversación", writing: "Se está escribiendo la respuesta.",
    starting: "Iniciando. Ya puede escribir.", failed: "El asistente no está disponible en este momento.",
    lost: "Conexión perdida. Reintentando…", stopped: "Detenido.", again: "Intentar de nuevo",
    error: "Algo salió mal y no hay respuesta.", gone: "Esta pregunta ya no se conoce.",
    often: (seconds) => `Ha sido muy rápido. Inténtelo de nuevo en ${seconds} s.`,
    long: "Esta pregunta es demasiado larga. Acórtela, por favor.",
    sources: "Fuentes", source: "Fuente", page: "página", original: "Abrir el original",
    opinion: "¿Le ha sido útil?", helpful: "Útil", unhelpful: "No es útil", thanks: "Gracias.",
    key: "Este asistente pide una clave de API", proceed: "Continuar", keyless: "Se necesita una clave de API.",
  },
  fr: {
    greeting: "Posez une question. Chaque réponse montre d’où elle vient.",
    ask: "Posez une question", send: "Envoyer", stop: "Arrêter", wait: "Un instant", you: "Vous", me: "Assistant",
    conversation: "Conversation", fresh: "Nouvelle conversation", writing: "La réponse est en cours de rédaction.",
    starting: "Démarrage. Vous pouvez déjà écrire.", failed: "L’assistant n’est pas disponible pour le moment.",
    lost: "Connexion perdue. Nouvel essai…", stopped: "Arrêté.", again: "Réessayer",
    error: "Une erreur s’est produite, il n’y a pas de réponse.", gone: "Cette question n’est plus connue.",
    often: (seconds) => `C’était très rapide. Réessayez dans ${seconds} s.`,
    long: "Cette question est trop longue. Veuillez la raccourcir.",
    sources: "Sources", source: "Source", page: "page", original: "Ouvrir l’original",
    opinion: "Cette réponse est-elle utile ?", helpful: "Utile", unhelpful: "Pas utile", thanks: "Merci.",
    key: "Cet assistant demande une clé d’API", proceed: "Continuer", keyless: "Une clé d’API est nécessaire.",
  },
};

const wanted = navigator.languages.map((language) => language.slice(0, 2)).find((language) => language in languages);
export const language = wanted ?? "en";
export const words = languages[language];
