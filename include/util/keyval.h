/*
 * Option texts, "key=value,key=value", as JSON objects.
 *
 * There are two dialects, for history's sake. keyval_parse_flat() is that of -drive, -chardev, -m: flat, every value a
 * string, a key without a value is a flag ("nofoo": foo=off). keyval_parse() is that of -object, -blockdev, -M: a dot
 * in a key nests ("file.driver=x"), number components make arrays ("a.0=x"), every key has a value. In both a comma
 * in a value is written twice, and the first part may be a bare value for an implied key.
 *
 * The second half reads values back: from text or from JSON types, with QEMU's words for what is wrong.
 */
#ifndef UTIL_KEYVAL_H
#define UTIL_KEYVAL_H

#include <glib.h>
#include <stdbool.h>

#include "util/json.h"

/*
 * Flat. A repeated key: the last wins. "id" must be an identifier. `warn` is called for each flag ("server", "server=on"),
 * which QEMU calls deprecated; it may be NULL.
 */
Json *keyval_parse_flat(const char *text, const char *implied_key, void (*warn)(const char *flag, const char *instead),
                        GError **error);
/* Nested. *help, if not NULL, is set by a bare "help" or "?", which is then dropped. */
Json *keyval_parse(const char *text, const char *implied_key, bool *help, GError **error);
/* JSON if the text begins with '{', else as keyval_parse(). *was_json tells which, and may be NULL. */
Json *keyval_parse_or_json(const char *text, const char *implied_key, bool *was_json, bool *help, GError **error);
/* Members of `from` go over those of `into`; objects in both are merged likewise. */
void keyval_merge(Json *into, const Json *from);
/* "a=1,b=x,,y" from flat strings, in order. */
char *keyval_text(const Json *flat);

/* Letters, digits, '-', '.', '_', a letter first. */
bool keyval_is_id(const char *id);
bool keyval_check_id(const char *key, const char *id, GError **error);

/* Kinds of values that a flat option can have, by the names that query-command-line-options gives them. */
typedef enum { KEYVAL_STRING, KEYVAL_BOOL, KEYVAL_NUMBER, KEYVAL_SIZE } KeyvalType;
const char *keyval_type_name(KeyvalType type);  /* "string", "boolean", "number", "size" */

typedef struct KeyvalOption {
    const char *name;
    KeyvalType type;
    const char *help;       /* NULL: none */
    const char *defval;     /* shown only */
} KeyvalOption;

/* Every key of the object (but "id") is in the table, and its value, if a string, reads as the type. */
bool keyval_check(const Json *flat, const KeyvalOption *options, size_t count, GError **error);

/* Members as text or as JSON; absent: `otherwise`. */
bool keyval_get_bool(const Json *opts, const char *key, bool otherwise, bool *out, GError **error);
bool keyval_get_uint(const Json *opts, const char *key, uint64_t otherwise, uint64_t *out, GError **error);
bool keyval_get_size(const Json *opts, const char *key, uint64_t otherwise, uint64_t *out, GError **error);

/* Whole texts. A size may have a fraction and a suffix b, k, M, G, T, P or E; `unit` multiplies one without a suffix. */
bool keyval_bool(const char *key, const char *text, bool *out, GError **error);
bool keyval_uint(const char *key, const char *text, uint64_t *out, GError **error);
bool keyval_size(const char *key, const char *text, uint64_t unit, uint64_t *out, GError **error);

#endif
