/* Secrets: passwords and keys that other objects look up by id. Kept out of reach of qom-get. */
#include <string.h>

#include "qom/property.h"
#include "util/aes.h"
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
    /* made at completion */
    guchar *bytes;
    gsize length;
};

extern const PropertyKind prop_kind_secret_format;
DEFINE_ENUM_KIND(prop_kind_secret_format, "QCryptoSecretFormat", "raw", "base64");

/* The bytes become these; the old ones are wiped. */
static void secret_take(Secret *s, guchar *bytes, gsize length)
{
    if (s->bytes) {
        explicit_bzero(s->bytes, s->length);
    }
    g_free(s->bytes);
    s->bytes = bytes;
    s->length = length;
}

static Json *get_loaded(Object *obj, const Property *prop, GError **error)
{
    return json_new_bool(SECRET(obj)->bytes != NULL);
}

static const PropertyKind loaded_kind = { .name = "bool", .get = get_loaded };

/* No white space but line feeds, as QEMU. The result has a NUL behind it. */
static guchar *decode(const guchar *text, gsize text_length, gsize *length, GError **error)
{
    for (gsize i = 0; i < text_length; i++) {
        if (!text[i]) {
            error_setf(error, "Base64 data contains embedded NUL characters");
            return NULL;
        }
        if (!g_ascii_isalnum(text[i]) && !strchr("+/=\n", text[i])) {
            error_setf(error, "Base64 data contains invalid characters");
            return NULL;
        }
    }
    return g_base64_decode((const char *)text, length);
}

static bool decode_bytes(Secret *s, GError **error)
{
    gsize length;
    guchar *bytes = decode(s->bytes, s->length, &length, error);

    if (!bytes) {
        return false;
    }
    secret_take(s, bytes, length);
    return true;
}

/* --- encrypted ones: AES-256-CBC with the key of another secret --- */

static const Secret *find_key(const char *id, GError **error)
{
    Object *obj = object_child(object_container(object_root(), "objects"), id);
    const Secret *key;

    if (!obj) {
        error_setf(error, "No secret with id '%s'", id);
        return NULL;
    }
    key = (const Secret *)object_dynamic_cast(obj, TYPE_SECRET);
    if (!key) {
        error_setf(error, "Object with id '%s' is not a secret", id);
    } else if (key->length != AES256_KEY) {
        error_setf(error, "Key should be %d bytes in length", AES256_KEY);
        key = NULL;
    }
    return key;
}

static guchar *take_iv(const Secret *s, GError **error)
{
    g_autofree guchar *iv = NULL;
    gsize length;

    if (!s->iv) {
        error_setf(error, "IV is required to decrypt secret");
        return NULL;
    }
    iv = decode((const guchar *)s->iv, strlen(s->iv), &length, error);
    if (iv && length != AES_BLOCK) {
        error_setf(error, "IV should be %d bytes in length not %" G_GSIZE_FORMAT, AES_BLOCK, length);
        return NULL;
    }
    return g_steal_pointer(&iv);
}

/* The last byte says how many there are to make blocks whole; 0 is none, as QEMU takes it. */
static bool drop_padding(Secret *s, GError **error)
{
    unsigned padding = s->length ? s->bytes[s->length - 1] : 0;

    if (padding > AES_BLOCK || padding > s->length) {
        return error_setf(error, "Incorrect number of padding bytes (%u) found on decrypted data", padding);
    }
    s->length -= padding;
    return true;
}

static bool decrypt(Secret *s, GError **error)
{
    const Secret *key = find_key(s->keyid, error);
    g_autofree guchar *iv = key ? take_iv(s, error) : NULL;

    if (!iv || (s->format == FORMAT_BASE64 && !decode_bytes(s, error))) {
        return false;
    }
    if (s->length % AES_BLOCK) {
        return error_setf(error, "Length %" G_GSIZE_FORMAT " must be a multiple of block size %d", s->length, AES_BLOCK);
    }
    return aes256_cbc_decrypt(key->bytes, iv, s->bytes, s->length, error) && drop_padding(s, error);
}

/* --- */

static bool load(Secret *s, GError **error)
{
    g_autoptr(GError) local = NULL;
    char *text;
    gsize length;

    if (s->file && s->data) {
        return error_setf(error, "'file' and 'data' are mutually exclusive");
    }
    if (!s->file && !s->data) {
        return error_setf(error, "Either 'file' or 'data' must be provided");
    }
    if (!s->file) {
        secret_take(s, (guchar *)g_strdup(s->data), strlen(s->data));
        return true;
    }
    if (!g_file_get_contents(s->file, &text, &length, &local)) {
        return error_setf(error, "Unable to read %s: %s", s->file, local->message);
    }
    secret_take(s, (guchar *)text, length);
    return true;
}

static bool secret_complete(Object *obj, GError **error)
{
    Secret *s = SECRET(obj);

    if (!load(s, error)) {
        return false;
    }
    if (s->length > SECRET_MAX) {
        return error_setf(error, "Secret '%s' is longer than %u bytes", object_name(obj), SECRET_MAX);
    }
    return s->keyid ? decrypt(s, error) : s->format != FORMAT_BASE64 || decode_bytes(s, error);
}

static void secret_finalize(Object *obj)
{
    secret_take(SECRET(obj), NULL, 0);
}

static const Property secret_props[] = {
    { .name = "loaded", .kind = &loaded_kind },
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
