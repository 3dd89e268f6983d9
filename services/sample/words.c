#include "services/sample/words.h"

#define LIST(...) \
  { (const char *const[]){__VA_ARGS__}, JG_COUNT(((const char *const[]){__VA_ARGS__})) }

static const struct {
  const char *const *words;
  size_t count;
} lists[JG_WORDS_COUNT] = {
    [JG_WORDS_TASK] = LIST("Repair", "Inspection", "Yearly maintenance", "Installation", "Dépannage", "Wartung",
                           "Onderhoud", "Réparation", "Überprüfung", "Calibration", "Replacement", "点検", "Ремонт"),
    [JG_WORDS_THING] = LIST("boiler", "lift", "heat pump", "fire door", "compressor", "pompe à chaleur", "Aufzug",
                            "koelkast", "escalator", "chiller", "water meter", "ventilation unit", "ボイラー", "котёл"),
    [JG_WORDS_PLACE] = LIST("Gent", "Liège", "Köln", "Zürich", "Málaga", "Łódź", "Praha", "Brussels", "Århus",
                            "Île-de-France", "'s-Hertogenbosch", "São Paulo", "東京", "Reykjavík"),
    [JG_WORDS_STREET] = LIST("Kerkstraat", "Rue de l'Église", "Hauptstraße", "Station Road", "Calle Mayor",
                             "Rue \"du\" Four", "High Street", "Lindenallee", "Via Garibaldi"),
    [JG_WORDS_FIRST_NAME] =
        LIST("Anna", "Jörg", "Zoë", "Marek", "Siân", "José", "Noor", "Łukasz", "Ines", "Tom", "Yuki"),
    [JG_WORDS_LAST_NAME] = LIST("Peeters", "Müller", "O'Brien", "Nowak", "García", "Jansen", "Dupont", "Sørensen",
                                "Ito", "Öztürk", "Smith"),
    [JG_WORDS_COMPANY] = LIST("Acme", "Nord & Süd", "Van den Berg", "Hôtel Bellevue", "Stadtwerke", "Harbour <East>",
                              "Clinique St-Luc", "Mega/Store", "École 42", "Parking №3"),
    [JG_WORDS_SENTENCE] =
        LIST("Ring twice, the bell is slow.", "Access code at the reception: ask for the key.",
             "Pièce de rechange à prendre au dépôt.", "Vorsicht: Hund im Hof!", "Path: C:\\keys\\main",
             "The customer says \"it hums\".", "Line one\nline two", "Tab\tseparated", "温度を確認してください。",
             "Emoji happen: 🔧🚚", "Позвонить заранее.", "Filter, belt & oil."),
};

const char *jg_word(enum jg_words list, uint64_t number) {
  JG_ASSERT(list < JG_WORDS_COUNT);
  return lists[list].words[number % lists[list].count];
}
