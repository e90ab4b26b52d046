/* Secrets: passwords and keys that other objects look up by id. Kept out of reach of qom-get. */
#include <string.h>

#include "qom/property.h"
#include "util/error.h"

#define TYPE_SECRET "secret"
#define SECRET_MAX (1u << 20)
OBJECT_DECLARE_SIMPLE_TYPE(Secret, SECRET)

enum { FORMAT_RAW, FORMAT_BASE64 };

struct Secret {
    Object parent_obj;
    /* set by the user */
    char *data, *file, *keyid, *iv;
    int format;
    bool loaded;
    /* made at completion */
    guchar *bytes;
    gsize length;
};

extern const PropertyKind prop_kind_secret_format;
DEFINE_ENUM_KIND(prop_kind_secret_format, "QCryptoSecretFormat", "raw", "base64");

static bool decode(Secret *s, GError **error)
{
    gsize length;
    guchar *bytes;

    for (gsize i = 0; i < s->length; i++) {
        if (!g_ascii_isalnum(s->bytes[i]) && !strchr("+/=\r\n", s->bytes[i])) {
            return error_setf(error, "Base64 data '%s' is not valid", s->bytes);
        }
    }
    bytes = g_base64_decode((const char *)s->bytes, &length);
    g_free(s->bytes);
    s->bytes = bytes;
    s->length = length;
    return true;
}

static bool secret_complete(Object *obj, GError **error)
{
    Secret *s = SECRET(obj);
    g_autoptr(GError) local = NULL;
    char *text;

    if (s->file && s->data) {
        return error_setf(error, "'file' and 'data' are mutually exclusive");
    }
    if (!s->file && !s->data) {
        return error_setf(error, "Either 'file' or 'data' must be provided");
    }
    if (s->keyid || s->iv) {
        return error_setf(error, "Encrypted secrets ('keyid', 'iv') are not supported");
    }
    if (s->file) {
        if (!g_file_get_contents(s->file, &text, &s->length, &local)) {
            return error_setf(error, "Unable to read %s: %s", s->file, local->message);
        }
        s->bytes = (guchar *)text;
    } else {
        s->bytes = (guchar *)g_strdup(s->data);
        s->length = strlen(s->data);
    }
    if (s->length > SECRET_MAX) {
        return error_setf(error, "Secret '%s' is longer than %u bytes", object_name(obj), SECRET_MAX);
    }
    return s->format != FORMAT_BASE64 || decode(s, error);
}

static void secret_finalize(Object *obj)
{
    Secret *s = SECRET(obj);

    if (s->bytes) {
        explicit_bzero(s->bytes, s->length);
    }
    g_free(s->bytes);
}

static const Property secret_props[] = {
    DEFINE_PROP_BOOL("loaded", Secret, loaded, false),
    DEFINE_PROP_ENUM("format", prop_kind_secret_format, Secret, format, FORMAT_RAW),
    DEFINE_PROP_STRING("data", Secret, data),
    DEFINE_PROP_STRING("file", Secret, file),
    DEFINE_PROP_STRING("keyid", Secret, keyid),
    DEFINE_PROP_STRING("iv", Secret, iv),
};

static void secret_class_init(ObjectClass *klass, const void *data)
{
    UserCreatableClass *uc = object_class_dynamic_cast(klass, TYPE_USER_CREATABLE);

    uc->complete = secret_complete;
    object_class_add_props(klass, secret_props, G_N_ELEMENTS(secret_props));
}

static const TypeInfo secret_type = {
    .name = TYPE_SECRET, .parent = TYPE_OBJECT, .size = sizeof(Secret), .class_init = secret_class_init,
    .finalize = secret_finalize, .interfaces = (const char *const[]){ TYPE_USER_CREATABLE, NULL },
};
TYPE_REGISTER(secret_type)
