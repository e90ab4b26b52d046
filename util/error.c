#include "util/error.h"

G_DEFINE_QUARK(godwit-error, godwit_error)

const char *error_class_name(const GError *error)
{
    static const char *const names[] = {
        [ERROR_CLASS_GENERIC] = "GenericError",
        [ERROR_CLASS_COMMAND_NOT_FOUND] = "CommandNotFound",
        [ERROR_CLASS_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
        [ERROR_CLASS_DEVICE_NOT_FOUND] = "DeviceNotFound",
        [ERROR_CLASS_KVM_MISSING_CAP] = "KVMMissingCap",
    };

    if (error->domain != GODWIT_ERROR || (unsigned)error->code >= G_N_ELEMENTS(names)) {
        return names[ERROR_CLASS_GENERIC];
    }
    return names[error->code];
}

static void G_GNUC_PRINTF(3, 0) set(GError **error, ErrorClass class, const char *format, va_list args)
{
    if (error) {
        g_assert(!*error); /* the first reason is the one to tell */
        *error = g_error_new_valist(GODWIT_ERROR, (int)class, format, args);
    }
}

bool error_setf(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(error, ERROR_CLASS_GENERIC, format, args);
    va_end(args);
    return false;
}

bool error_set_class(GError **error, ErrorClass class, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(error, class, format, args);
    va_end(args);
    return false;
}

bool error_set_errno(GError **error, int errnum, const char *format, ...)
{
    va_list args;

    if (!error) {
        return false;
    }
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return error_setf(error, "%s: %s", text, g_strerror(errnum < 0 ? -errnum : errnum));
}
