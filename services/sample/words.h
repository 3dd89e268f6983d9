/* Private to services/sample: the words of generated text. */
#ifndef JG_SERVICES_SAMPLE_WORDS_H
#define JG_SERVICES_SAMPLE_WORDS_H

#include "base/str.h"

enum jg_words {
  JG_WORDS_TASK,
  JG_WORDS_THING,
  JG_WORDS_PLACE,
  JG_WORDS_STREET,
  JG_WORDS_FIRST_NAME,
  JG_WORDS_LAST_NAME,
  JG_WORDS_COMPANY,
  JG_WORDS_SENTENCE,
  JG_WORDS_COUNT
};

/* Word number % the size of the list. */
const char *jg_word(enum jg_words list, uint64_t number);

#endif
