/*
 * Errors: one channel for the whole program, a bool result and a GError **.
 *
 * A function that can fail returns false (or NULL) and fills *error; error_setf() returns false so that a refusal
 * is one line: `return error_setf(error, "Bus '%s' not found", id);`. The code of an error is its QMP error class.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <errno.h>
#include <glib.h>
#include <stdbool.h>

/* QMP's error classes; the code of a GError in the GODWIT_ERROR domain. */
typedef enum {
    ERROR_CLASS_GENERIC,
    ERROR_CLASS_COMMAND_NOT_FOUND,
    ERROR_CLASS_DEVICE_NOT_ACTIVE,
    ERROR_CLASS_DEVICE_NOT_FOUND,
    ERROR_CLASS_KVM_MISSING_CAP,
} ErrorClass;

#define GODWIT_ERROR (godwit_error_quark())
GQuark godwit_error_quark(void);

/* QMP's name of a class, "GenericError" for any error of another domain. */
const char *error_class_name(const GError *error);

/* Sets *error (if error is not NULL) in the generic class. Always returns false. */
bool error_setf(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* As error_setf(), with a class. */
bool error_set_class(GError **error, ErrorClass class, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* As error_setf(), with ": " and the text of the errno value (positive or negative) appended. */
bool error_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
