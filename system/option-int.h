/* Shared by the files with option rows. */
#ifndef SYSTEM_OPTION_INT_H
#define SYSTEM_OPTION_INT_H

#include <string.h>

#include "system/options.h"

static inline bool option_is_help(const char *arg)
{
    return strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0;
}

typedef struct OptionKeys {
    const char *const *names;
    GError **error;
} OptionKeys;

static inline bool option_is_one_of(const char *key, Json *value, void *opaque)
{
    const OptionKeys *keys = opaque;

    return g_strv_contains(keys->names, key) || error_setf(keys->error, "Parameter '%s' is unexpected", key);
}

/* Every key is one of these. */
static inline bool option_knows_all(const Json *opts, const char *const *names, GError **error)
{
    OptionKeys keys = { names, error };

    return json_foreach(opts, option_is_one_of, &keys);
}

static inline bool option_one_of(const Json *opts, const char *key, const char *const *values, GError **error)
{
    const char *value = json_member_string(opts, key, NULL);

    if (value && !g_strv_contains(values, value)) {
        return error_setf(error, "Parameter '%s' does not accept value '%s'", key, value);
    }
    return true;
}

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* Many options only keep their text. */
#define KEEP(name)                                                                          \
    static bool opt_##name(Config *config, OptionItem *item, GError **error)                \
    {                                                                                       \
        config->name = item->arg;                                                           \
        return true;                                                                        \
    }
/* … or are a switch. */
#define SWITCH(name)                                                                        \
    static bool opt_##name(Config *config, OptionItem *item, GError **error)                \
    {                                                                                       \
        config->name = true;                                                                \
        return true;                                                                        \
    }
#endif
