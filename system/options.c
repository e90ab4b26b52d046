/* Reading the command line: the walk over the words, -readconfig and -set, -h. */
#include "system/options.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"

static const Config *current;

const Config *options_current(void)
{
    return current;
}

static void item_free(void *opaque)
{
    OptionItem *item = opaque;

    g_free(item->text);
    json_unref(item->opts);
    g_free(item);
}

void options_file(Config *config, OptionKind kind, OptionItem *item)
{
    if (!config->items[kind]) {
        config->items[kind] = g_ptr_array_new_with_free_func(item_free);
    }
    item->filed = true;
    g_ptr_array_add(config->items[kind], item);
}

bool options_report(const OptionItem *item, GError *error)
{
    log_set_context(item->text);
    error_report("%s", error->message);
    log_set_context(NULL);
    g_error_free(error);
    return false;
}

/* The i-th option of both tables. */
static const Option *option_at(size_t i)
{
    return i < option_guest_count ? &option_guest_table[i] : &option_host_table[i - option_guest_count];
}

static const Option *find(const char *name)
{
    for (size_t i = 0; i < option_guest_count + option_host_count; i++) {
        if (strcmp(option_at(i)->name, name) == 0) {
            return option_at(i);
        }
    }
    return NULL;
}

/* Runs an option's function. */
static bool apply(Config *config, const Option *option, const char *text, const char *arg, GError **error)
{
    OptionItem *item = g_new0(OptionItem, 1);
    bool ok;

    item->text = g_strdup(text);
    item->arg = arg ? item->text + strlen(text) - strlen(arg) : NULL;
    log_set_context(item->text);
    ok = option->fn(config, item, error);
    log_set_context(NULL);
    /* Config points into the texts of plain options, which live as long as it does. */
    if (!item->filed) {
        g_ptr_array_add(config->kept, item);
    }
    return ok;
}

bool options_apply(Config *config, const char *name, const char *arg, GError **error)
{
    const Option *option = find(name);
    g_autofree char *text = NULL;

    if (!option || !arg != !option->arg) {
        return error_setf(error, "There is no option group '%s'", name);
    }
    text = g_strdup_printf("-%s%s%s", name, arg ? " " : "", arg ? arg : "");
    return apply(config, option, text, arg, error);
}

/* A word that is no option is a disk image. */
static bool apply_disk(Config *config, const char *word, GError **error)
{
    OptionItem *item = g_new0(OptionItem, 1);

    item->text = g_strdup(word);
    item->arg = item->text;
    item->opts = json_new_object();
    json_set(item->opts, "file", json_new_string(word));
    json_set(item->opts, "index", json_new_string("0"));
    json_set(item->opts, "media", json_new_string("disk"));
    options_file(config, OPT_DRIVE, item);
    return true;
}

bool options_parse(Config *config, int argc, char **argv)
{
    current = config;
    config->machine = json_new_object();
    config->kept = g_ptr_array_new_with_free_func(item_free);
    for (int i = 1; i < argc && !config->done; i++) {
        const char *word = argv[i], *arg = NULL;
        g_autofree char *text = NULL;
        GError *error = NULL;
        const Option *option;

        if (word[0] != '-') {
            apply_disk(config, word, &error);
            continue;
        }
        option = find(word + 1 + (word[1] == '-'));
        if (!option) {
            error_report("%s: invalid option", word);
            return false;
        }
        if (option->arg) {
            if (i + 1 >= argc) {
                error_report("%s: requires an argument", word);
                return false;
            }
            arg = argv[++i];
        }
        text = arg ? g_strdup_printf("%s %s", word, arg) : g_strdup(word);
        if (!apply(config, option, text, arg, &error)) {
            OptionItem about = { .text = text };

            return options_report(&about, error);
        }
    }
    return true;
}

void options_clear(Config *config)
{
    current = NULL;
    for (int i = 0; i < OPT_KINDS; i++) {
        g_clear_pointer(&config->items[i], g_ptr_array_unref);
    }
    g_clear_pointer(&config->kept, g_ptr_array_unref);
    g_clear_pointer(&config->machine, json_unref);
    g_clear_pointer(&config->sandbox, json_unref);
    g_clear_pointer(&config->icount, json_unref);
}

void options_help(GString *out)
{
    g_string_append_printf(out, "usage: %s [options] [disk_image]\n\n", log_program_name());
    for (size_t i = 0; i < option_guest_count + option_host_count; i++) {
        const Option *o = option_at(i);
        g_autofree char *left = g_strdup_printf("-%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");

        if (!o->help) {
            continue;
        }
        g_string_append(out, left);
        if (g_utf8_strlen(left, -1) > 22) {
            g_string_append_printf(out, "\n%23s%s\n", "", o->help);
        } else {
            g_string_append_printf(out, "%*s%s\n", 23 - (int)g_utf8_strlen(left, -1), "", o->help);
        }
    }
}

const char *const *options_data_dirs(Config *config)
{
    config->data_dirs[config->num_data_dirs] = "/usr/share/qemu";
    config->data_dirs[config->num_data_dirs + 1] = "/usr/share/seabios";
    return config->data_dirs;
}
