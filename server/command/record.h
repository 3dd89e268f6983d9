/* Private to server: the settings that commands over a record share. */
#ifndef JG_SERVER_COMMAND_RECORD_H
#define JG_SERVER_COMMAND_RECORD_H

#include "server/config/options.h"
#include "storage/store.h"

#define JG_OPTION_STORE                                                                                            \
  {                                                                                                                \
    .name = "store", .type = JG_OPTION_TEXT, .value = "sqlite:jobgate.db", .metavar = "URL", .help = "the record", \
    .check = jg_store_check_url                                                                                    \
  }

#define JG_OPTION_TENANT(what)                                                                    \
  {                                                                                               \
    .name = "tenant", .type = JG_OPTION_TEXT, .value = "default", .metavar = "T", .help = (what), \
    .check = jg_option_check_filled                                                               \
  }

#endif
