#ifndef MEETPOOL_ATTR_H
#define MEETPOOL_ATTR_H

/* Compiler attributes, under the names used throughout. */

#define MP_MUST_CHECK        __attribute__((warn_unused_result))
#define MP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MP_NORETURN          __attribute__((noreturn))
#define MP_COUNT(array)      (sizeof(array) / sizeof((array)[0]))

#endif
