/*
 * HMP: the tables of commands, a command line's words by a row's description, help and completion. The session at a
 * terminal is hmp-session.c.
 */
#include "monitor/hmp.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/monitor-int.h"
#include "util/keyval.h"

static GPtrArray *rows[2]; /* const HmpCommand *: commands, info commands */

void hmp_register(const HmpCommand *commands, size_t count, bool info)
{
    if (!rows[info]) {
        rows[info] = g_ptr_array_sized_new(64);
    }
    for (size_t i = 0; i < count; i++) {
        g_ptr_array_add(rows[info], (void *)&commands[i]);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const HmpCommand *const *)a)->name, (*(const HmpCommand *const *)b)->name);
}

static GPtrArray *sorted(bool info)
{
    if (rows[info]) {
        g_ptr_array_sort(rows[info], by_name);
    }
    return rows[info];
}

/* Whether word is one of "quit|q". */
static bool has_name(const char *names, const char *word, size_t len)
{
    for (const char *p = names;; p++) {
        size_t n = strcspn(p, "|");

        if (n == len && strncmp(p, word, n) == 0) {
            return true;
        }
        p += n;
        if (!*p) {
            return false;
        }
    }
}

static const HmpCommand *find(bool info, const char *word, size_t len)
{
    for (guint i = 0; rows[info] && i < rows[info]->len; i++) {
        const HmpCommand *c = rows[info]->pdata[i];

        if (len && has_name(c->name, word, len)) {
            return c;
        }
    }
    return NULL;
}

/* --- words --- */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* The next word, with quotes and their escapes undone; NULL at the end, or with an error. */
static char *take_word(const char **p, GError **error)
{
    GString *word;
    const char *s = skip_blanks(*p);

    if (!*s) {
        *p = s;
        return NULL;
    }
    word = g_string_new(NULL);
    if (*s != '"') {
        size_t n = strcspn(s, " \t");

        g_string_append_len(word, s, n);
        *p = s + n;
        return g_string_free(word, FALSE);
    }
    for (s++; *s && *s != '"'; s++) {
        char c = *s;

        if (c == '\\') {
            s++;
            if (!*s || !strchr("nr\\'\"", *s)) {
                error_setf(error, "unsupported escape code: '\\%c'", *s);
                g_string_free(word, TRUE);
                return NULL;
            }
            c = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s;
        }
        g_string_append_c(word, c);
    }
    if (*s != '"') {
        error_setf(error, "unterminated string");
        g_string_free(word, TRUE);
        return NULL;
    }
    *p = s + 1;
    return g_string_free(word, FALSE);
}

/* --- numbers: + - * / % & | ^ ~ and brackets, over 64 bits --- */

typedef struct Expression {
    const char *p;
    unsigned depth;
    GError **error;
} Expression;

static bool expr_sum(Expression *e, int64_t *value);

static bool expr_unary(Expression *e, int64_t *value)
{
    bool ok;
    char *end, c;

    e->p = skip_blanks(e->p);
    c = *e->p;
    if (++e->depth > 100) {
        return error_setf(e->error, "expression is too deep");
    }
    if (c == '+' || c == '-' || c == '~') {
        e->p++;
        ok = expr_unary(e, value);
        *value = c == '-' ? (int64_t)(0 - (uint64_t)*value) : c == '~' ? ~*value : *value;
    } else if (c == '(') {
        e->p++;
        ok = expr_sum(e, value);
        e->p = skip_blanks(e->p);
        if (ok && *e->p++ != ')') {
            return error_setf(e->error, "')' expected");
        }
    } else if (c == '$') {
        size_t len = 0;

        while (g_ascii_isalnum(e->p[1 + len]) || strchr("._", e->p[1 + len] ? e->p[1 + len] : ' ')) {
            len++;
        }
        if (!hmp_register_value(e->p + 1, len, value)) {
            return error_setf(e->error, "unknown register");
        }
        e->p += 1 + len;
        ok = true;
    } else if (c == '\0') {
        return error_setf(e->error, "unexpected end of expression");
    } else {
        errno = 0;
        *value = strtoull(e->p, &end, 0);
        if (errno == ERANGE) {
            return error_setf(e->error, "number too large");
        }
        if (end == e->p || !g_ascii_isdigit(c)) {
            return error_setf(e->error, "invalid char '%c' in expression", c);
        }
        e->p = end;
        ok = true;
    }
    e->depth--;
    return ok;
}

static bool expr_product(Expression *e, int64_t *value)
{
    int64_t right;

    if (!expr_unary(e, value)) {
        return false;
    }
    for (;;) {
        const char *p = skip_blanks(e->p);

        if (*p != '*' && *p != '/' && *p != '%') {
            return true;
        }
        e->p = p + 1;
        if (!expr_unary(e, &right)) {
            return false;
        }
        if (*p == '*') {
            *value = (uint64_t)*value * (uint64_t)right;
        } else if (right == 0 || (right == -1 && *value == INT64_MIN)) {
            return error_setf(e->error, "division by zero");
        } else {
            *value = *p == '/' ? *value / right : *value % right;
        }
    }
}

static bool expr_bits(Expression *e, int64_t *value)
{
    int64_t right;

    if (!expr_product(e, value)) {
        return false;
    }
    for (;;) {
        const char *p = skip_blanks(e->p);

        if (*p != '&' && *p != '|' && *p != '^') {
            return true;
        }
        e->p = p + 1;
        if (!expr_product(e, &right)) {
            return false;
        }
        *value = *p == '&' ? *value & right : *p == '|' ? *value | right : *value ^ right;
    }
}

static bool expr_sum(Expression *e, int64_t *value)
{
    int64_t right;

    if (!expr_bits(e, value)) {
        return false;
    }
    for (;;) {
        const char *p = skip_blanks(e->p);

        if (*p != '+' && *p != '-') {
            return true;
        }
        e->p = p + 1;
        if (!expr_bits(e, &right)) {
            return false;
        }
        *value = *p == '+' ? (uint64_t)*value + (uint64_t)right : (uint64_t)*value - (uint64_t)right;
    }
}

/* --- arguments --- */

/* "/8xw": count, format letter, size letter. */
static bool take_format(const char **p, Json *args, GError **error)
{
    const char *s = skip_blanks(*p);
    uint64_t count = 1;
    char format[2] = "", size[2] = "";
    char *end;

    if (*s == '/') {
        s++;
        if (g_ascii_isdigit(*s)) {
            count = g_ascii_strtoull(s, &end, 10);
            s = end;
        }
        for (; *s && *s != ' ' && *s != '\t'; s++) {
            if (strchr("oxduics", *s)) {
                format[0] = *s;
            } else if (strchr("bhwgL", *s)) {
                size[0] = *s;
            } else {
                return error_setf(error, "invalid char in format: '%c'", *s);
            }
        }
        *p = s;
    }
    json_set(args, "count", json_new_uint(MIN(count, 1 << 20)));
    json_set(args, "format", json_new_string(format));
    json_set(args, "size", json_new_string(size));
    return true;
}

static bool take_number(const char **p, Json *args, const char *name, GError **error)
{
    Expression e = { *p, 0, error };
    int64_t value;

    if (!expr_sum(&e, &value)) {
        return false;
    }
    *p = e.p;
    json_set(args, name, json_new_int(value));
    return true;
}

/* One argument, of description "name:kind". */
static bool take_argument(const char *name, char kind, bool optional, const char **p, Json *args, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *word = NULL;
    uint64_t size;
    bool on;

    *p = skip_blanks(*p);
    if (kind == '/') {
        return take_format(p, args, error);
    }
    if (!**p && optional) {
        return true;
    }
    if (kind == 'i') {
        return take_number(p, args, name, error);
    }
    if ((kind == 'S' || kind == 'O') && **p) {
        json_set(args, name, json_new_string(*p));
        *p += strlen(*p);
        return true;
    }
    word = take_word(p, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (!word) {
        return error_setf(error, kind == 'O' ? "Parameter 'driver' is missing" : "string expected");
    }
    switch (kind) {
    case 'b':
        if (!keyval_bool(name, word, &on, NULL)) {
            return error_setf(error, "invalid option value '%s'", word);
        }
        json_set(args, name, json_new_bool(on));
        break;
    case 'o':
        if (!keyval_size(name, word, 1 << 20, &size, NULL)) {
            return error_setf(error, "invalid size");
        }
        json_set(args, name, json_new_uint(size));
        break;
    default:
        json_set(args, name, json_new_string(word));
    }
    return true;
}

/* "-x", if the line has it here; another flag of the command may come in its place. `specs`: from this one on. */
static bool take_flag(char **specs, const char **p, Json *args, GError **error)
{
    char flag;

    *p = skip_blanks(*p);
    if (**p != '-') {
        return true;
    }
    flag = (*p)[1];
    if (flag == **specs) {
        *p += 2;
        json_set(args, *specs, json_new_bool(true));
        return true;
    }
    for (char **later = specs + 1; *later && flag; later++) {
        if (**later == flag && g_str_has_suffix(*later, ":-")) {
            return true;
        }
    }
    return error_setf(error, "unsupported option -%c", flag);
}

static Json *take_arguments(const HmpCommand *command, const char *p, GError **error)
{
    g_auto(GStrv) specs = g_strsplit(command->args ? command->args : "", " ", -1);
    g_autoptr(Json) args = json_new_object();

    for (char **spec = specs; *spec; spec++) {
        char *colon = strchr(*spec, ':');

        if (!colon) {
            continue;
        }
        *colon = '\0';
        if (colon[1] == '-') {
            if (!take_flag(spec, &p, args, error)) {
                return NULL;
            }
        } else if (!take_argument(*spec, colon[1], colon[2] == '?', &p, args, error)) {
            return NULL;
        }
    }
    if (*skip_blanks(p)) {
        error_setf(error, "extraneous characters at the end of line");
        return NULL;
    }
    return g_steal_pointer(&args);
}

/* --- help --- */

static void help_row(Monitor *mon, const HmpCommand *c, bool info)
{
    monitor_printf(mon, "%s%s %s -- %s\n", info ? "info " : "", c->name, c->params ? c->params : "", c->help);
}

static void help_all(Monitor *mon, bool info)
{
    GPtrArray *all = sorted(info);

    for (guint i = 0; all && i < all->len; i++) {
        help_row(mon, all->pdata[i], info);
    }
}

static void cmd_help(Monitor *mon, const Json *args, GError **error)
{
    const char *name = json_member_string(args, "name", NULL);
    bool info = name && g_str_has_prefix(name, "info");
    const char *rest = info ? skip_blanks(name + 4) : name;
    const HmpCommand *c;

    if (!name || (info && !*rest)) {
        help_all(mon, info);
        return;
    }
    c = find(info, rest, strlen(rest));
    if (c) {
        help_row(mon, c, info);
    } else {
        monitor_printf(mon, "unknown command: '%s'\n", name);
    }
}

static void complete_from(bool info, GPtrArray *words, const char *prefix)
{
    for (guint i = 0; rows[info] && i < rows[info]->len; i++) {
        g_auto(GStrv) names = g_strsplit(((const HmpCommand *)rows[info]->pdata[i])->name, "|", -1);

        for (char **name = names; *name; name++) {
            if (g_str_has_prefix(*name, prefix)) {
                g_ptr_array_add(words, g_strdup(*name));
            }
        }
    }
}

static void complete_command(GPtrArray *words, const char *prefix)
{
    complete_from(false, words, prefix);
}

static void complete_info(GPtrArray *words, const char *prefix)
{
    complete_from(true, words, prefix);
}

/* "info" without a subcommand: those with one are found before. */
static void cmd_info(Monitor *mon, const Json *args, GError **error)
{
    help_all(mon, true);
}

static const HmpCommand basics[] = {
    { "help|?", "name:S?", "[cmd]", "show the help", cmd_help, complete_command },
    { "info", NULL, "[subcommand]", "show various information about the system state", cmd_info, complete_info },
};
HMP_COMMANDS(basics)

/* --- running a line --- */

/* `typed`: the name as the user has it, with its length. */
static void run(Monitor *mon, const HmpCommand *c, bool info, const char *typed, size_t len)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) args = NULL;
    Monitor *before = monitor_now;

    monitor_now = mon; /* registers in arguments are those of its CPU */
    args = take_arguments(c, typed + len, &error);
    if (!args) {
        monitor_now = before;
        if (g_str_has_prefix(error->message, "Parameter")) {
            monitor_printf(mon, "Error: %s\n", error->message);
        } else {
            bool names_command = strcmp(error->message, "string expected") == 0 || g_str_has_prefix(error->message, "extra") ||
                                 g_str_has_prefix(error->message, "unsupported option");

            monitor_printf(mon, "%s%s%s\nTry \"help %s%.*s\" for more information\n", names_command ? c->name : "",
                           names_command ? ": " : "", error->message, info ? "info " : "", (int)len, typed);
        }
        return;
    }
    c->fn(mon, args, &error);
    monitor_now = before;
    if (error) {
        monitor_printf(mon, "Error: %s\n", error->message);
    }
}

void hmp_execute(Monitor *mon, const char *line)
{
    const char *p = skip_blanks(line), *sub;
    size_t len = strcspn(p, " \t/"), sub_len;
    const HmpCommand *c;

    if (!*p || *p == '#') {
        return;
    }
    if (strncmp(p, "info", 4) == 0 && len == 4) {
        sub = skip_blanks(p + 4);
        sub_len = strcspn(sub, " \t");
        if (sub_len) {
            c = find(true, sub, sub_len);
            if (c) {
                run(mon, c, true, sub, sub_len);
            } else {
                monitor_printf(mon, "unknown command: 'info %.*s'\n", (int)sub_len, sub);
            }
            return;
        }
    }
    c = find(false, p, len);
    if (c) {
        run(mon, c, false, p, len);
    } else {
        monitor_printf(mon, "unknown command: '%.*s'\n", (int)strcspn(p, " \t"), p);
    }
}

/* As a terminal wants its lines. */
char *hmp_with_carriage_returns(const char *text)
{
    GString *out = g_string_sized_new(strlen(text) + 64);

    for (; *text; text++) {
        g_string_append_len(out, *text == '\n' ? "\r\n" : text, *text == '\n' ? 2 : 1);
    }
    return g_string_free(out, FALSE);
}

char *hmp_run(const char *line, unsigned cpu)
{
    Monitor collector = { .out = g_string_new(NULL), .cpu = cpu };
    char *text;

    hmp_execute(&collector, line);
    text = hmp_with_carriage_returns(collector.out->str);
    g_string_free(collector.out, TRUE);
    return text;
}

/* --- completion of a line --- */

size_t hmp_complete(const char *text, GPtrArray *words)
{
    const char *start = skip_blanks(text), *word;
    bool info = strncmp(start, "info ", 5) == 0;
    const HmpCommand *c;
    size_t len;

    if (info) {
        start = skip_blanks(start + 5);
    }
    word = strrchr(start, ' ');
    word = word ? word + 1 : start;
    if (word == start) {
        complete_from(info, words, word);
        return strlen(word);
    }
    len = strcspn(start, " ");
    c = find(info, start, len);
    if (c && c->complete) {
        c->complete(words, word);
    }
    return strlen(word);
}
