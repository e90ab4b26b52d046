/*
 * The command line. Options are rows of tables (system/option-guest.c, option-host.c): a name, whether an argument follows, what -h
 * says, and a function that checks the argument and files it in the Config. Nothing is made while parsing; the phases of
 * system/setup.c do that afterwards, in QEMU's order. An option and its argument stay with what was filed, so that a later
 * refusal can name them.
 */
#ifndef SYSTEM_OPTIONS_H
#define SYSTEM_OPTIONS_H

#include "util/error.h"
#include "util/json.h"
#include "util/keyval.h"

typedef enum {
    OPT_CHARDEV,
    OPT_MONITOR,        /* -mon, -monitor, -qmp, -qmp-pretty */
    OPT_SERIAL,
    OPT_PARALLEL,
    OPT_OBJECT,
    OPT_BLOCKDEV,
    OPT_DRIVE,
    OPT_DEVICE,
    OPT_GLOBAL,
    OPT_AUDIODEV,
    OPT_ACCEL,
    OPT_FW_CFG,
    OPT_SMBIOS,
    OPT_KINDS,
} OptionKind;

/* An option that was given. */
typedef struct OptionItem {
    char *text;         /* "-device foo,id=a", for messages */
    const char *arg;
    Json *opts;         /* the argument read; NULL where it is a plain text */
    bool json;          /* it came as JSON */
    bool help;          /* -object X,help */
    bool pretty, control;   /* monitors */
    bool filed;         /* a list has it */
} OptionItem;

typedef struct Config {
    GPtrArray *items[OPT_KINDS];    /* OptionItem *, in the order given */
    GPtrArray *kept;                /* OptionItem *: those whose texts the members below point into */
    Json *machine;                  /* for machine_create() */
    const char *accel;              /* -machine accel=, "kvm:tcg" */
    const char *cpu;
    const char *name, *process_name;
    bool debug_threads;
    uint8_t uuid[16];
    bool uuid_set;
    bool machine_help;              /* -M help */
    bool stopped, no_defaults, nographic, daemonize, only_migratable, no_reboot, no_shutdown, mem_prealloc;
    bool snapshot;                  /* every -drive is temporary */
    const char *display, *keyboard, *debugcon;
    const char *pidfile, *chroot, *log_items, *log_file, *dump_vmstate, *loadvm, *incoming, *qtest, *qtest_log;
    const char *run_as;
    const char *data_dirs[32];      /* -L, then the usual places; NULL-terminated */
    unsigned num_data_dirs;         /* of -L */
    Json *sandbox;
    bool mem_lock, cpu_pm;
    Json *icount;               /* -icount's options as texts; NULL: not given */
    const char *mem_path;
    bool done;                      /* -h, -version, … did all there is to do: status 0 */
} Config;

typedef struct Option {
    const char *name;               /* without its dash */
    const char *arg;                /* NULL: none follows; else what -h calls it */
    const char *help;               /* NULL: not shown (another name of the row before) */
    bool (*fn)(Config *config, OptionItem *item, GError **error);
} Option;

extern const Option option_guest_table[], option_host_table[];
extern const size_t option_guest_count, option_host_count;

/*
 * Reads the whole command line. On false the error was reported already: it names the option. `done` may be set.
 */
bool options_parse(Config *config, int argc, char **argv);
void options_clear(Config *config);
/* What the program was started with; NULL in a test. */
const Config *options_current(void);
/* One option by name, as -readconfig gives it. */
bool options_apply(Config *config, const char *name, const char *arg, GError **error);
/* -set and -readconfig. */
bool options_set(Config *config, const char *text, GError **error);
bool options_read_config(Config *config, const char *path, GError **error);
/* Files the item, which the list takes. */
void options_file(Config *config, OptionKind kind, OptionItem *item);
/* Prints the error behind the item's text, and frees it. Returns false. */
bool options_report(const OptionItem *item, GError *error);
void options_help(GString *out);
/* Where firmware is looked for, NULL-terminated. */
const char *const *options_data_dirs(Config *config);

/* The groups of query-command-line-options: their names and keys; also what flat options are checked against. */
typedef struct OptionGroup {
    const char *name;               /* "boot-opts" */
    const char *option;             /* "boot": of -readconfig */
    const KeyvalOption *keys;       /* NULL: any */
    size_t count;
} OptionGroup;
const OptionGroup *option_group(const char *name);
void option_groups_foreach(void (*fn)(const OptionGroup *group, void *opaque), void *opaque);
/* Reads a flat argument and checks it against the group's keys. */
Json *option_parse_group(const char *arg, const char *group, const char *implied_key, GError **error);

#endif
