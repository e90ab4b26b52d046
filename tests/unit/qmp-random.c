/*
 * 100,000 QMP lines (or LINES=) at a machine: commands with arguments made by their types (some of them wrong), and the same
 * with bytes changed, dropped and doubled. Each is answered, nothing crashes, and afterwards the session still works. What
 * would leave the process (quit, migration) or wait for the network is left out. SEED= gives other lines than the usual ones.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "hw/core/compat.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "system/setup.h"
#include "util/log.h"

static GRand *rnd;
static GPtrArray *commands;
static int peer;

static bool chance(int percent)
{
    return g_rand_int_range(rnd, 0, 100) < percent;
}

#define PICK(array) (array)[g_rand_int_range(rnd, 0, G_N_ELEMENTS(array))]

/* --- lines --- */

static const char *pick_string(const char *member)
{
    static const char *const ids[] = { "rp0", "b0", "n0", "ch", "io0", "rb", "a", "", "9", "pc.ram", "nosuch", "\\u00e4", "x y" };
    static const char *const types[] = { "pcie-root-port", "virtio-blk-pci", "iothread", "memory-backend-ram", "nosuch", "pci-device" };
    static const char *const paths[] = { "/machine/peripheral/rp0", "rp0", "/objects", "device[0]", "/nosuch/x", "/", "" };
    static const char *const props[] = { "chassis", "addr", "type", "nosuch", "poll-max-ns", "parent_bus", "smp" };
    static const char *const lines[] = { "info status", "info qtree", "x /4xb 0", "p 1+", "help", "info block", "info pci", "qom-list /machine" };

    if (strcmp(member, "command-line") == 0) {
        return PICK(lines);
    }
    if (strcmp(member, "typename") == 0 || strcmp(member, "driver") == 0 || strcmp(member, "implements") == 0) {
        return PICK(types);
    }
    return strcmp(member, "path") == 0 ? PICK(paths) : strcmp(member, "property") == 0 ? PICK(props) : PICK(ids);
}

static void put_value(GString *out, const QmpType *type, const char *member, int depth);

static void put_number(GString *out)
{
    static const char *const numbers[] = { "0", "1", "-1", "2", "512", "4096", "65536", "1048576", "4611686018427387904",
                                           "9223372036854775807", "18446744073709551615", "1.5", "-9223372036854775808", "1e3" };

    g_string_append(out, PICK(numbers));
}

static void put_wrong(GString *out)
{
    static const char *const wrong[] = { "null", "{}", "[]", "\"x\"", "3", "true", "-0.0", "[[]]", "{\"a\": 1}" };

    g_string_append(out, PICK(wrong));
}

static void put_members(GString *out, const QmpType *type, const char *tag, const char *tag_value, bool *first, int depth)
{
    if (type->base) {
        put_members(out, type->base, tag, tag_value, first, depth);
    }
    for (const QmpMember *m = type->members; m && m->name; m++) {
        if ((m->flags & QMP_OPTIONAL) ? chance(60) : chance(5)) {
            continue;
        }
        g_string_append_printf(out, "%s\"%s\": ", *first ? "" : ", ", m->name);
        *first = false;
        if (tag && strcmp(m->name, tag) == 0) {
            g_string_append_printf(out, "\"%s\"", tag_value);
        } else {
            put_value(out, m->type, m->name, depth);
        }
    }
}

static const QmpType *member_type(const QmpType *type, const char *name)
{
    for (const QmpMember *m = type->members; m && m->name; m++) {
        if (strcmp(m->name, name) == 0) {
            return m->type;
        }
    }
    return type->base ? member_type(type->base, name) : NULL;
}

static const char *pick_enum(const QmpType *type)
{
    const char *value = type->values[g_rand_int_range(rnd, 0, g_strv_length((char **)type->values))];

    return strcmp(value, "stdio") == 0 || strcmp(value, "inet") == 0 || strcmp(value, "pty") == 0 ? "null" : value;
}

static void put_struct(GString *out, const QmpType *type, int depth)
{
    const char *tag_value = type->tag ? pick_enum(member_type(type, type->tag)) : NULL;
    bool first = true;

    g_string_append_c(out, '{');
    put_members(out, type, type->tag, tag_value, &first, depth + 1);
    for (const QmpMember *v = tag_value ? type->variants : NULL; v && v->name; v++) {
        if (strcmp(v->name, tag_value) == 0) {
            put_members(out, v->type, NULL, NULL, &first, depth + 1);
        }
    }
    if (chance(3)) {
        g_string_append_printf(out, "%s\"unexpected\": 1", first ? "" : ", ");
    }
    g_string_append_c(out, '}');
}

static void put_value(GString *out, const QmpType *type, const char *member, int depth)
{
    if (chance(4) || depth > 8) {
        put_wrong(out);
        return;
    }
    switch (type->meta) {
    case QMP_META_BUILTIN:
        if (type->kind == QMP_KIND_STR) {
            g_string_append_printf(out, "\"%s\"", pick_string(member));
        } else if (type->kind == QMP_KIND_BOOL) {
            /* A server that waits would wait for this test. */
            g_string_append(out, chance(50) ? "true" : "false");
        } else if (type->kind == QMP_KIND_ANY || type->kind == QMP_KIND_NULL) {
            put_wrong(out);
        } else {
            put_number(out);
        }
        break;
    case QMP_META_ENUM:
        g_string_append_printf(out, "\"%s\"", pick_enum(type));
        break;
    case QMP_META_STRUCT:
        put_struct(out, type, depth);
        break;
    case QMP_META_LIST:
        g_string_append_c(out, '[');
        for (int i = g_rand_int_range(rnd, 0, 4); i > 0; i--) {
            put_value(out, type->element, member, depth + 1);
            g_string_append(out, i > 1 ? ", " : "");
        }
        g_string_append_c(out, ']');
        break;
    case QMP_META_ALTERNATE: {
        unsigned n = 0;

        while (type->members[n].name) {
            n++;
        }
        put_value(out, type->members[g_rand_int_range(rnd, 0, n)].type, member, depth + 1);
        break;
    }
    }
}

static void make_line(GString *out)
{
    const QmpCommand *c = commands->pdata[g_rand_int_range(rnd, 0, commands->len)];

    g_string_printf(out, "{\"execute\": \"%s\"", c->name);
    if (c->args && chance(95)) {
        g_string_append(out, ", \"arguments\": ");
        put_struct(out, c->args, 0);
    }
    if (chance(20)) {
        g_string_append(out, ", \"id\": ");
        put_wrong(out);
    }
    g_string_append_c(out, '}');
}

static void mutate(GString *line)
{
    static const char bytes[] = "{}[]\",:\\ntrue0-.eE\x01\x80\xff \t'%";

    for (int n = g_rand_int_range(rnd, 1, 4); n > 0 && line->len; n--) {
        gsize at = g_rand_int_range(rnd, 0, line->len), len = g_rand_int_range(rnd, 1, 12);

        len = MIN(len, line->len - at);
        switch (g_rand_int_range(rnd, 0, 4)) {
        case 0:
            line->str[at] = bytes[g_rand_int_range(rnd, 0, sizeof(bytes) - 1)];
            break;
        case 1:
            g_string_erase(line, at, len);
            break;
        case 2: {
            g_autofree char *part = g_strndup(line->str + at, len);
            g_string_insert(line, at, part);
            break;
        }
        default:
            g_string_insert_c(line, at, bytes[g_rand_int_range(rnd, 0, sizeof(bytes) - 1)]);
        }
    }
}

/* --- the conversation --- */

static GString *inbox;

/* Sends, lets the main loop do what there is to do, and gathers what comes. */
static void talk(const char *text, size_t len)
{
    char buf[65536];
    ssize_t n;

    while (len) {
        n = write(peer, text, len);
        if (n > 0) {
            text += n;
            len -= n;
        }
        for (int i = 0; i < 100 && main_loop_step(false); i++) {
        }
        while ((n = read(peer, buf, sizeof(buf))) > 0) {
            g_string_append_len(inbox, buf, n);
        }
    }
}

/* Takes complete lines off the inbox: each is JSON. Counts replies; true if one has this id. */
static bool take_replies(unsigned *replies, int64_t id)
{
    bool found = false;
    char *end;

    while ((end = memchr(inbox->str, '\n', inbox->len))) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Json) reply = json_parse(inbox->str, end - inbox->str, &error);

        g_assert_no_error(error);
        if (!json_has(reply, "event") && !json_has(reply, "QMP")) {
            g_assert_true(json_has(reply, "return") || json_has(reply, "error"));
            if (json_has(reply, "error")) {
                g_assert_cmpstr(json_member_string(json_member(reply, "error"), "desc", ""), !=, "");
            }
            found |= json_member_int(reply, "id", -1) == id;
            ++*replies;
        }
        g_string_erase(inbox, 0, end - inbox->str + 1);
    }
    return found;
}

/* The line, then a command that must be answered. What the line left open is closed when that takes too long. */
static unsigned converse(const GString *line, int64_t number)
{
    g_autofree char *text = g_strdup_printf("%s\n", line->str);
    g_autofree char *after = g_strdup_printf("{\"execute\": \"query-name\", \"id\": %" G_GINT64_FORMAT "}\n", number);
    unsigned replies = 0;

    talk(text, line->len + 1);
    for (int i = 0; i < 1000; i++) {
        if (i) {
            talk("}]}\n", 4);
        }
        talk(after, strlen(after));
        for (int k = 0; k < 20; k++) {
            if (take_replies(&replies, number)) {
                return replies - 1;
            }
            talk("\n", 1);
        }
    }
    g_error("no answer after: %s", line->str);
}

static void lines_are_answered(bool mutated, int count)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (int i = 0; i < count; i++) {
        unsigned replies;

        make_line(line);
        if (mutated) {
            mutate(line);
        }
        replies = converse(line, 1000000 + i);
        if (!mutated && replies != 1) {
            g_error("%u replies to: %s", replies, line->str);
        }
    }
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = g_getenv(name);

    return text ? strtoul(text, NULL, 10) : otherwise;
}

static void lines_made_by_the_types_are_answered_once(void)
{
    lines_are_answered(false, from_environment("LINES", 100000) / 2);
}

static void mutated_lines_are_answered(void)
{
    lines_are_answered(true, from_environment("LINES", 100000) / 2);
}

/* --- the machine --- */

static void add_command(const QmpCommand *c, void *opaque)
{
    static const char *const left_out[] = { "quit", "pmemsave", "system_reset", "qmp_capabilities", "query-qmp-schema" };

    if (g_strv_contains((const char *const[]){ left_out[0], left_out[1], left_out[2], left_out[3], left_out[4], NULL }, c->name) ||
        g_str_has_prefix(c->name, "migrate") || g_str_has_prefix(c->name, "snapshot") || g_str_has_prefix(c->name, "x-test")) {
        return;
    }
    g_ptr_array_add(commands, (void *)c);
}

static void start(void)
{
    static const char *const line[] = {
        "g", "-M", "pc-q35-7.2", "-m", "1", "-nodefaults", "-display", "none", "-S", "-device", "pcie-root-port,id=rp0,chassis=1", "-blockdev",
        "null-co,node-name=n0", "-device", "virtio-blk-pci,drive=n0,id=b0,bus=rp0", "-chardev", "null,id=ch", "-object", "iothread,id=io0",
    };
    static const char hello[] = "{\"execute\": \"qmp_capabilities\"}\n";
    static Config config;
    g_autoptr(Json) opts = json_new_object();
    Chardev *chr;
    int ends[2];

    main_loop_init();
    compat_install(release);
    memory_init();
    g_assert_true(options_parse(&config, G_N_ELEMENTS(line), (char **)line) && setup_chardevs(&config) && setup_machine(&config));
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), ==, 0);
    peer = ends[1];
    json_set(opts, "id", json_new_string("monitor"));
    json_set(opts, "backend", json_new_string("socket"));
    json_set(opts, "fd", json_new_int(ends[0]));
    chr = chardev_new(opts, NULL);
    g_assert_true(chr && monitor_new(chr, true, false, NULL));
    talk(hello, strlen(hello));
    while (!inbox->len) {
        talk("\n", 1);
    }
    g_string_truncate(inbox, 0);
}

int main(int argc, char **argv)
{
    g_autofree char *dir = g_dir_make_tmp("qmp-random-XXXXXX", NULL), *remove = g_strdup_printf("rm -rf %s", dir);
    int rc, null = open("/dev/null", O_WRONLY);

    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(chdir(dir), ==, 0);
    rnd = g_rand_new_with_seed(from_environment("SEED", 20));
    inbox = g_string_new(NULL);
    commands = g_ptr_array_new();
    qmp_foreach_command(add_command, NULL);
    start();
    /* Warnings and ptys' names are not what this is about. */
    dup2(null, STDERR_FILENO);
    g_test_add_func("/qmp-random/lines_made_by_the_types_are_answered_once", lines_made_by_the_types_are_answered_once);
    g_test_add_func("/qmp-random/mutated_lines_are_answered", mutated_lines_are_answered);
    rc = g_test_run();
    return system(remove) == 0 ? rc : 1;
}
