/*
 * A node's options while they are being taken. Whoever understands an option takes it; what is left at the end is
 * refused. The three sources of options differ in types and in the words of their refusals.
 */
#ifndef BLOCK_OPTIONS_H
#define BLOCK_OPTIONS_H

#include "util/json.h"

typedef enum {
    OPTIONS_DRIVE,      /* -drive: text */
    OPTIONS_KEYVAL,     /* -blockdev with dotted keys: text in a tree */
    OPTIONS_TYPED,      /* JSON */
} OptionsStyle;

typedef struct BlockOptions {
    Json *json;             /* what is left: an object */
    OptionsStyle style;
    char *prefix;           /* "file.", for messages; "" at the root */
} BlockOptions;

/* Takes over `json`. */
BlockOptions *options_new(Json *json, OptionsStyle style, const char *prefix);
void options_free(BlockOptions *opts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockOptions, options_free)

/* Dotted keys become a tree: {"file.driver": "file"} is {"file": {"driver": "file"}}. Fails where both meet. */
Json *options_unflatten(const Json *flat, GError **error);

/* Each takes one option if it is there, and leaves *value alone if it is not. */
bool options_bool(BlockOptions *opts, const char *key, bool *value, GError **error);
bool options_uint(BlockOptions *opts, const char *key, uint64_t *value, GError **error);
bool options_size(BlockOptions *opts, const char *key, uint64_t *value, GError **error);
/* *value: freed and replaced. */
bool options_string(BlockOptions *opts, const char *key, char **value, GError **error);
/* One of the NULL-terminated names. `words` is -drive's own refusal, NULL: "invalid parameter value: %s". */
bool options_enum(BlockOptions *opts, const char *key, const char *const *names, int *value, const char *words,
                  GError **error);
/* Takes a subtree, or NULL if there is none; fails if it is no object. */
bool options_object(BlockOptions *opts, const char *key, BlockOptions **sub, GError **error);
/* Refuses what is left. `protocol` and `driver` are for -drive's words. */
bool options_finish(BlockOptions *opts, const char *driver, bool protocol, GError **error);
/* "Parameter 'x' is missing". Returns false. */
bool options_missing(BlockOptions *opts, const char *key, GError **error);

#endif
