/* The version of the program. */
#ifndef JG_SERVER_VERSION_H
#define JG_SERVER_VERSION_H

#define JG_VERSION "0.1.0"

#endif
