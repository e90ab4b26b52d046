/* One line of input with editing, history and completion, for a terminal of the ANSI kind. Knows no monitor. */
#ifndef MONITOR_READLINE_H
#define MONITOR_READLINE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define READLINE_MAX 4095       /* bytes of a line; more are not taken */
#define READLINE_HISTORY 64

typedef struct Readline Readline;

typedef struct ReadlineOps {
    void (*write)(void *opaque, const char *text, size_t len);
    void (*line)(void *opaque, const char *line);       /* Enter was pressed */
    /* Candidates for the word that ends at the end of `text`, added to `words`; returns the word's length. */
    size_t (*complete)(void *opaque, const char *text, GPtrArray *words);
} ReadlineOps;

Readline *readline_new(const ReadlineOps *ops, void *opaque);
void readline_free(Readline *r);
void readline_prompt(Readline *r, const char *prompt);  /* shows it, with an empty line */
void readline_feed(Readline *r, char c);
const GPtrArray *readline_history(const Readline *r);   /* char *, the newest last */

#endif
