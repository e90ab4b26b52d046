/* Line editing; see the header. */
#include "monitor/readline.h"

#include <string.h>

enum { CTRL_A = 1, CTRL_B = 2, CTRL_C = 3, CTRL_D = 4, CTRL_E = 5, CTRL_F = 6, BACKSPACE = 8, TAB = 9, CTRL_K = 11,
       CTRL_L = 12, CTRL_N = 14, CTRL_P = 16, CTRL_U = 21, CTRL_W = 23, ESCAPE = 27, DELETE = 127 };

struct Readline {
    const ReadlineOps *ops;
    void *opaque;
    char *prompt;
    GString *line;
    size_t cursor;
    enum { PLAIN, ESCAPED, CSI, SS3 } state;
    int param;              /* of a CSI sequence */
    GPtrArray *history;     /* char *, the newest last */
    guint recall;           /* index into history; history->len: the line being typed */
    char *typed;            /* that line, while an older one is shown */
};

Readline *readline_new(const ReadlineOps *ops, void *opaque)
{
    Readline *r = g_new0(Readline, 1);

    r->ops = ops;
    r->opaque = opaque;
    r->line = g_string_new(NULL);
    r->history = g_ptr_array_new_with_free_func(g_free);
    return r;
}

void readline_free(Readline *r)
{
    g_string_free(r->line, TRUE);
    g_ptr_array_unref(r->history);
    g_free(r->prompt);
    g_free(r->typed);
    g_free(r);
}

static void put(Readline *r, const char *text)
{
    r->ops->write(r->opaque, text, strlen(text));
}

/* Shows the line anew, over what is there. */
static void redraw(Readline *r)
{
    g_autofree char *text = NULL;
    size_t behind = r->line->len - r->cursor;

    text = behind ? g_strdup_printf("\r%s%s\033[K\033[%zuD", r->prompt, r->line->str, behind)
                  : g_strdup_printf("\r%s%s\033[K", r->prompt, r->line->str);
    put(r, text);
}

void readline_prompt(Readline *r, const char *prompt)
{
    g_free(r->prompt);
    r->prompt = g_strdup(prompt);
    g_string_truncate(r->line, 0);
    r->cursor = 0;
    r->recall = r->history->len;
    put(r, prompt);
}

static void insert(Readline *r, char c)
{
    if (r->line->len >= READLINE_MAX) {
        return;
    }
    g_string_insert_c(r->line, r->cursor++, c);
    if (r->cursor == r->line->len) {
        r->ops->write(r->opaque, &c, 1);
    } else {
        redraw(r);
    }
}

static void erase(Readline *r, size_t from, size_t to)
{
    if (from < to) {
        g_string_erase(r->line, from, to - from);
        r->cursor = from;
        redraw(r);
    }
}

static void move(Readline *r, size_t to)
{
    to = MIN(to, r->line->len);
    if (to != r->cursor) {
        r->cursor = to;
        redraw(r);
    }
}

static size_t word_start(const Readline *r)
{
    size_t at = r->cursor;

    while (at > 0 && r->line->str[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && r->line->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

/* --- history --- */

static void remember(Readline *r)
{
    if (!r->line->len) {
        return;
    }
    for (guint i = 0; i < r->history->len; i++) {
        if (strcmp(r->history->pdata[i], r->line->str) == 0) {
            g_ptr_array_remove_index(r->history, i);
            break;
        }
    }
    if (r->history->len == READLINE_HISTORY) {
        g_ptr_array_remove_index(r->history, 0);
    }
    g_ptr_array_add(r->history, g_strdup(r->line->str));
}

const GPtrArray *readline_history(const Readline *r)
{
    return r->history;
}

static void recall(Readline *r, bool older)
{
    if (older ? r->recall == 0 : r->recall == r->history->len) {
        return;
    }
    if (r->recall == r->history->len) {
        g_free(r->typed);
        r->typed = g_strdup(r->line->str);
    }
    r->recall += older ? -1 : 1;
    g_string_assign(r->line, r->recall == r->history->len ? r->typed : r->history->pdata[r->recall]);
    r->cursor = r->line->len;
    redraw(r);
}

/* --- completion --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t common_prefix(const GPtrArray *words)
{
    size_t len = strlen(words->pdata[0]);

    for (guint i = 1; i < words->len; i++) {
        size_t n = 0;

        while (n < len && ((char *)words->pdata[i])[n] == ((char *)words->pdata[0])[n]) {
            n++;
        }
        len = n;
    }
    return len;
}

static void list_words(Readline *r, const GPtrArray *words)
{
    size_t width = 0;
    g_autoptr(GString) out = g_string_new("\r\n");
    guint columns;

    for (guint i = 0; i < words->len; i++) {
        width = MAX(width, strlen(words->pdata[i]));
    }
    columns = MAX(80 / (MIN(width, 78) + 2), 1);
    for (guint i = 0; i < words->len; i++) {
        g_string_append_printf(out, "%-*s", (int)width + 2, (char *)words->pdata[i]);
        if (i % columns == columns - 1 || i + 1 == words->len) {
            g_string_append(out, "\r\n");
        }
    }
    put(r, out->str);
    redraw(r);
}

static void complete(Readline *r)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *before = g_strndup(r->line->str, r->cursor);
    size_t have, common;

    if (!r->ops->complete) {
        return;
    }
    have = r->ops->complete(r->opaque, before, words);
    if (!words->len) {
        return;
    }
    g_ptr_array_sort(words, by_text);
    for (guint i = 1; i < words->len;) {
        if (strcmp(words->pdata[i], words->pdata[i - 1]) == 0) {
            g_ptr_array_remove_index(words, i);
        } else {
            i++;
        }
    }
    common = common_prefix(words);
    if (words->len > 1 && common <= have) {
        list_words(r, words);
        return;
    }
    for (const char *p = (char *)words->pdata[0] + MIN(have, common), *end = (char *)words->pdata[0] + common; p < end; p++) {
        insert(r, *p);
    }
    if (words->len == 1) {
        insert(r, ' ');
    }
}

/* --- keys --- */

static void enter(Readline *r)
{
    g_autofree char *line = g_strdup(r->line->str);

    remember(r);
    put(r, "\r\n");
    g_string_truncate(r->line, 0);
    r->cursor = 0;
    r->ops->line(r->opaque, line);
}

static void key(Readline *r, char c)
{
    switch (c) {
    case '\r':
    case '\n':
        enter(r);
        break;
    case CTRL_A:
        move(r, 0);
        break;
    case CTRL_B:
        move(r, r->cursor ? r->cursor - 1 : 0);
        break;
    case CTRL_C:
        put(r, "\r\n");
        g_string_truncate(r->line, 0);
        r->cursor = 0;
        redraw(r);
        break;
    case CTRL_D:
        erase(r, r->cursor, MIN(r->cursor + 1, r->line->len));
        break;
    case CTRL_E:
        move(r, r->line->len);
        break;
    case CTRL_F:
        move(r, r->cursor + 1);
        break;
    case BACKSPACE:
    case DELETE:
        erase(r, r->cursor ? r->cursor - 1 : 0, r->cursor);
        break;
    case TAB:
        complete(r);
        break;
    case CTRL_K:
        erase(r, r->cursor, r->line->len);
        break;
    case CTRL_L:
        put(r, "\033[H\033[2J");
        redraw(r);
        break;
    case CTRL_N:
        recall(r, false);
        break;
    case CTRL_P:
        recall(r, true);
        break;
    case CTRL_U:
        erase(r, 0, r->cursor);
        break;
    case CTRL_W:
        erase(r, word_start(r), r->cursor);
        break;
    case ESCAPE:
        r->state = ESCAPED;
        break;
    default:
        if ((unsigned char)c >= ' ') {
            insert(r, c);
        }
    }
}

/* The last byte of an escape sequence. */
static void sequence(Readline *r, char c)
{
    switch (c) {
    case 'A':
        recall(r, true);
        break;
    case 'B':
        recall(r, false);
        break;
    case 'C':
        move(r, r->cursor + 1);
        break;
    case 'D':
        move(r, r->cursor ? r->cursor - 1 : 0);
        break;
    case 'H':
        move(r, 0);
        break;
    case 'F':
        move(r, r->line->len);
        break;
    case '~':
        if (r->param == 1 || r->param == 7) {
            move(r, 0);
        } else if (r->param == 4 || r->param == 8) {
            move(r, r->line->len);
        } else if (r->param == 3) {
            erase(r, r->cursor, MIN(r->cursor + 1, r->line->len));
        }
        break;
    }
}

void readline_feed(Readline *r, char c)
{
    switch (r->state) {
    case PLAIN:
        key(r, c);
        break;
    case ESCAPED:
        r->state = c == '[' ? CSI : c == 'O' ? SS3 : PLAIN;
        r->param = 0;
        break;
    case CSI:
        if (g_ascii_isdigit(c)) {
            r->param = MIN(r->param * 10 + (c - '0'), 1000);
            break;
        }
        if (c == ';') {
            r->param = 0;
            break;
        }
        /* fall through */
    case SS3:
        r->state = PLAIN;
        sequence(r, c);
        break;
    }
}
