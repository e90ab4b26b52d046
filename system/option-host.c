/* Options about the program and its host: help, display, identity, running, logging. */
#include <stdio.h>
#include <stdlib.h>

#include "chardev/chardev.h"
#include "hw/core/release.h"
#include "hw/rtc/mc146818.h"
#include "system/option-int.h"
#include "system/setup.h"
#include "system/runstate.h"
#include "util/log.h"
#include "util/trace.h"

/* --- help and version --- */

static bool opt_help(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);

    options_help(out);
    fputs(out->str, stdout);
    return config->done = true;
}

static bool opt_version(Config *config, OptionItem *item, GError **error)
{
    printf("godwit %s (behaves as QEMU %u.%u.%u)\n", GODWIT_VERSION, release.major, release.minor, release.micro);
    return config->done = true;
}

/* --- display and input: there is none --- */

static bool opt_display(Config *config, OptionItem *item, GError **error)
{
    static const char *const kinds[] = { "none", "gtk", "sdl", "egl-headless", "curses", "cocoa", "spice-app", "dbus", "vnc", NULL };
    g_autofree char *kind = g_strndup(item->arg, strcspn(item->arg, ",="));

    if (option_is_help(item->arg)) {
        printf("Available display backend types:\nnone\n");
        return config->done = true;
    }
    if (!g_strv_contains(kinds, kind)) {
        return error_setf(error, "Parameter 'type' does not accept value '%s'", kind);
    }
    if (strcmp(kind, "none") != 0) {
        return error_setf(error, "Display '%s' is not available.", kind);
    }
    item->opts = keyval_parse(item->arg, "type", NULL, error);
    if (!item->opts || !option_knows_all(item->opts, WORDS("type", "full-screen", "window-close", "show-cursor", "gl"), error)) {
        return false;
    }
    config->display = item->arg;
    return true;
}

static bool opt_vga(Config *config, OptionItem *item, GError **error)
{
    static const char *const kinds[] = { "none", "std", "cirrus", "vmware", "qxl", "virtio", "xenfb", "tcx", "cg3", NULL };

    if (!g_strv_contains(kinds, item->arg)) {
        return error_setf(error, "unknown vga type: %s", item->arg);
    }
    /* There is no such device in this program yet. */
    return strcmp(item->arg, "none") == 0 || error_setf(error, "%s VGA not available", item->arg);
}

static bool opt_vnc(Config *config, OptionItem *item, GError **error)
{
    return strcmp(item->arg, "none") == 0 || error_setf(error, "Display 'vnc' is not available.");
}

SWITCH(nographic)
KEEP(keyboard)

/* --- the guest's identity and clock --- */

static bool opt_name(Config *config, OptionItem *item, GError **error)
{
    item->opts = option_parse_group(item->arg, "name", "guest", error);
    if (!item->opts || !keyval_get_bool(item->opts, "debug-threads", config->debug_threads, &config->debug_threads, error)) {
        return false;
    }
    config->name = json_member_string(item->opts, "guest", config->name);
    config->process_name = json_member_string(item->opts, "process", config->process_name);
    return true;
}

static bool opt_uuid(Config *config, OptionItem *item, GError **error)
{
    const char *p = item->arg;

    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? p[i] != '-' : !g_ascii_isxdigit(p[i])) {
            return error_setf(error, "failed to parse UUID string: wrong format");
        }
    }
    if (p[36]) {
        return error_setf(error, "failed to parse UUID string: wrong format");
    }
    for (int i = 0; i < 16; i++, p += 2) {
        p += *p == '-';
        config->uuid[i] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
    }
    return config->uuid_set = true;
}

static bool opt_rtc(Config *config, OptionItem *item, GError **error)
{
    static const char *const clocks[] = { "host", "rt", "vm" }; /* in the order of RTCConfig */
    g_autoptr(Json) opts = option_parse_group(item->arg, "rtc", NULL, error);
    const char *base, *clock, *fix;

    if (!opts) {
        return false;
    }
    base = json_member_string(opts, "base", "utc");
    clock = json_member_string(opts, "clock", "host");
    fix = json_member_string(opts, "driftfix", "none");
    if (strcmp(base, "localtime") == 0) {
        rtc_config.base = RTC_BASE_LOCALTIME;
    } else if (strcmp(base, "utc") != 0) {
        g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
        g_autofree char *text = strchr(base, 'T') ? g_strdup(base) : g_strdup_printf("%sT00:00:00", base);
        g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);

        if (!time) {
            return error_setf(error, "invalid datetime format");
        }
        rtc_config.base = RTC_BASE_DATE;
        rtc_config.date = g_date_time_to_unix(time);
    }
    if (!g_strv_contains(WORDS("host", "rt", "vm"), clock)) {
        return error_setf(error, "invalid option value '%s'", clock);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(clocks); i++) {
        rtc_config.clock = strcmp(clock, clocks[i]) == 0 ? i : rtc_config.clock;
    }
    if (!g_strv_contains(WORDS("none", "slew"), fix)) {
        return error_setf(error, "invalid option value '%s'", fix);
    }
    rtc_config.drift_slew = strcmp(fix, "slew") == 0;
    return true;
}

/* --- running --- */

SWITCH(stopped)
SWITCH(no_defaults)
SWITCH(no_reboot)
SWITCH(no_shutdown)
SWITCH(only_migratable)
SWITCH(daemonize)
KEEP(pidfile)
KEEP(chroot)
KEEP(loadvm)
KEEP(incoming)
KEEP(dump_vmstate)
KEEP(qtest)
KEEP(qtest_log)
KEEP(log_file)

static bool opt_run_as(Config *config, OptionItem *item, GError **error)
{
    config->run_as = item->arg;
    return daemon_check_user(item->arg, error);
}

static bool opt_nothing(Config *config, OptionItem *item, GError **error)
{
    return true;
}

static bool opt_action(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = option_parse_group(item->arg, "action", NULL, error);

    if (!opts || !option_one_of(opts, "reboot", WORDS("reset", "shutdown"), error) ||
        !option_one_of(opts, "shutdown", WORDS("poweroff", "pause"), error) ||
        !option_one_of(opts, "panic", WORDS("pause", "shutdown", "exit-failure", "none"), error) ||
        !option_one_of(opts, "watchdog", WORDS("reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"), error)) {
        return false;
    }
    runstate_set_panic_action(json_member_string(opts, "panic", ""));
    runstate_set_watchdog_action(json_member_string(opts, "watchdog", ""));
    config->no_reboot = strcmp(json_member_string(opts, "reboot", config->no_reboot ? "shutdown" : ""), "shutdown") == 0;
    config->no_shutdown = strcmp(json_member_string(opts, "shutdown", config->no_shutdown ? "pause" : ""), "pause") == 0;
    return true;
}

static bool opt_watchdog_action(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = json_new_object();

    json_set(opts, "watchdog", json_new_string(item->arg));
    return option_one_of(opts, "watchdog", WORDS("reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"), error) &&
           runstate_set_watchdog_action(item->arg);
}

static bool opt_overcommit(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = option_parse_group(item->arg, "overcommit", NULL, error);

    return opts && keyval_get_bool(opts, "mem-lock", config->mem_lock, &config->mem_lock, error) &&
           keyval_get_bool(opts, "cpu-pm", config->cpu_pm, &config->cpu_pm, error);
}

static bool opt_icount(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = option_parse_group(item->arg, "icount", "shift", error);
    const char *shift = opts ? json_member_string(opts, "shift", NULL) : NULL;
    bool align, sleep;
    uint64_t value;

    if (!opts || !keyval_get_bool(opts, "align", false, &align, error) || !keyval_get_bool(opts, "sleep", true, &sleep, error)) {
        return false;
    }
    if (json_has(opts, "rr")) {
        return error_setf(error, "recording and replaying is not supported");
    }
    if (!shift && align) {
        return error_setf(error, "Please specify shift option when using align");
    }
    if (align && !sleep) {
        return error_setf(error, "align=on and sleep=off are incompatible");
    }
    if (shift && strcmp(shift, "auto") != 0 && !g_ascii_string_to_unsigned(shift, 10, 0, 10, &value, NULL)) {
        return error_setf(error, "icount: Invalid shift value");
    }
    json_unref(config->icount);
    config->icount = g_steal_pointer(&opts);
    return true;
}

static bool opt_msg(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = option_parse_group(item->arg, "msg", NULL, error);
    bool on;

    if (!opts || !keyval_get_bool(opts, "timestamp", false, &on, error)) {
        return false;
    }
    log_set_timestamps(on);
    return true;
}

static bool opt_sandbox(Config *config, OptionItem *item, GError **error)
{
    Json *opts = option_parse_group(item->arg, "sandbox", "enable", error);

    if (!opts) {
        return false;
    }
    json_unref(config->sandbox);
    config->sandbox = opts;
    for (const char *const *key = WORDS("obsolete", "elevateprivileges", "spawn", "resourcecontrol"); *key; key++) {
        const char *value = json_member_string(opts, *key, "allow");
        bool children = strcmp(*key, "elevateprivileges") == 0 && strcmp(value, "children") == 0;

        if (!g_strv_contains(WORDS("allow", "deny"), value) && !children) {
            return error_setf(error, "invalid argument for %s", *key);
        }
    }
    return true;
}

static bool opt_data_dir(Config *config, OptionItem *item, GError **error)
{
    if (option_is_help(item->arg)) {
        for (const char *const *dir = options_data_dirs(config); *dir; dir++) {
            printf("%s\n", *dir);
        }
        return config->done = true;
    }
    if (config->num_data_dirs == G_N_ELEMENTS(config->data_dirs) - 3) {
        return error_setf(error, "Too many directories");
    }
    config->data_dirs[config->num_data_dirs++] = item->arg;
    return true;
}

static bool opt_echr(Config *config, OptionItem *item, GError **error)
{
    char *end;
    long value = strtol(item->arg, &end, 0);

    if (end == item->arg || *end || value < 0 || value > 255) {
        return error_setf(error, "Bad argument to echr");
    }
    chardev_mux_escape = value;
    return true;
}

/* --- logging --- */

static bool opt_log_items(Config *config, OptionItem *item, GError **error)
{
    if (option_is_help(item->arg)) {
        g_autoptr(GString) out = g_string_new("Log items (comma separated):\n");

        log_help(out);
        fputs(out->str, stdout);
        return config->done = true;
    }
    config->log_items = item->arg;
    return true;
}

static void print_point(const TracePoint *point, void *opaque)
{
    printf("%s\n", point->name);
}

static bool trace_pattern(const char *pattern)
{
    bool on = pattern[0] != '-';

    if (!trace_enable(pattern + !on, on) && on && !strpbrk(pattern, "*?")) {
        warn_report("trace event '%s' does not exist", pattern);
    }
    return true;
}

static bool trace_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return error_set_errno(error, errno, "Could not open '%s'", path);
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (**line && **line != '#') {
            trace_pattern(*line);
        }
    }
    return true;
}

static bool opt_trace(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = NULL;
    const char *pattern, *file;

    if (option_is_help(item->arg)) {
        trace_foreach(print_point, NULL);
        return config->done = true;
    }
    opts = option_parse_group(item->arg, "trace", "enable", error);
    if (!opts) {
        return false;
    }
    pattern = json_member_string(opts, "enable", NULL);
    if (pattern) {
        trace_pattern(pattern);
    }
    file = json_member_string(opts, "events", NULL);
    if (file && !trace_file(file, error)) {
        return false;
    }
    file = json_member_string(opts, "file", NULL);
    return !file || log_set_file(file, error);
}

static bool opt_smbios(Config *config, OptionItem *item, GError **error)
{
    /* Which keys there are depends on the type. */
    item->opts = keyval_parse_flat(item->arg, NULL, NULL, error);
    if (!item->opts) {
        return false;
    }
    options_file(config, OPT_SMBIOS, item);
    return true;
}

static bool opt_fw_cfg(Config *config, OptionItem *item, GError **error)
{
    item->opts = option_parse_group(item->arg, "fw_cfg", "name", error);
    if (!item->opts) {
        return false;
    }
    options_file(config, OPT_FW_CFG, item);
    return true;
}

/* --- other sources of options --- */

static bool opt_set(Config *config, OptionItem *item, GError **error)
{
    return options_set(config, item->arg, error);
}

static bool opt_readconfig(Config *config, OptionItem *item, GError **error)
{
    return options_read_config(config, item->arg, error);
}

static bool opt_unsupported(Config *config, OptionItem *item, GError **error)
{
    return error_setf(error, "Option not supported");
}

const Option option_host_table[] = {
    { "h", NULL, "this text", opt_help },
    { "help", NULL, NULL, opt_help },
    { "version", NULL, "the version", opt_version },
    { "smbios", "type=N[,FIELD=VALUE]…|file=FILE", "what SMBIOS says of the machine", opt_smbios },
    { "acpitable", "…", NULL, opt_unsupported },
    { "fw_cfg", "[name=]NAME,string=TEXT|file=FILE", "a file for the guest's firmware", opt_fw_cfg },
    { "numa", "…", NULL, opt_unsupported },
    { "set", "GROUP.ID.ARG=VALUE", "an argument of an option that was given", opt_set },
    { "readconfig", "FILE", "options from a file", opt_readconfig },
    { "echr", "CHAR", "the escape character of a mux instead of C-a", opt_echr },
    { "display", "none", "the display", opt_display },
    { "nographic", NULL, "no display; serial port and monitor on stdio", opt_nographic },
    { "vga", "none", "the VGA card: there is none", opt_vga },
    { "vnc", "none", NULL, opt_vnc },
    { "k", "LANGUAGE", "keyboard layout", opt_keyboard },
    { "name", "[guest=]NAME[,process=NAME][,debug-threads=on|off]", "the guest's name", opt_name },
    { "uuid", "UUID", "the machine's UUID", opt_uuid },
    { "rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=none|slew]", "the real-time clock", opt_rtc },
    { "S", NULL, "do not start the guest", opt_stopped },
    { "preconfig", NULL, NULL, opt_unsupported },
    { "nodefaults", NULL, "no default devices", opt_no_defaults },
    { "no-user-config", NULL, "read no configuration of the user's (there is none)", opt_nothing },
    { "nodefconfig", NULL, NULL, opt_nothing },
    { "no-reboot", NULL, "end instead of rebooting", opt_no_reboot },
    { "no-shutdown", NULL, "stop instead of ending at a shutdown", opt_no_shutdown },
    { "action", "reboot=…,shutdown=…,panic=…,watchdog=…", "what to do on events of the guest", opt_action },
    { "watchdog-action", "ACTION", NULL, opt_watchdog_action },
    { "overcommit", "[mem-lock=on|off][,cpu-pm=on|off]", "use of the host", opt_overcommit },
    { "incoming", "URI|defer", "take a machine that migrates in", opt_incoming },
    { "loadvm", "NAME", "begin with a saved state", opt_loadvm },
    { "only-migratable", NULL, "refuse what can't migrate", opt_only_migratable },
    { "dump-vmstate", "FILE", "write the format of the migration stream as JSON and end", opt_dump_vmstate },
    { "daemonize", NULL, "run in the background", opt_daemonize },
    { "pidfile", "FILE", "write the process number to a file", opt_pidfile },
    { "chroot", "DIR", "change the root directory before the guest starts", opt_chroot },
    { "runas", "USER", "change the user before the guest starts", opt_run_as },
    { "sandbox", "on[,obsolete=…][,elevateprivileges=…][,spawn=…][,resourcecontrol=…]", "a filter of system calls", opt_sandbox },
    { "msg", "timestamp=on|off", "the format of messages", opt_msg },
    { "D", "FILE", "where the log goes", opt_log_file },
    { "d", "ITEM,…", "what is logged; -d help lists the items", opt_log_items },
    { "trace", "[enable=]PATTERN[,events=FILE][,file=FILE]", "trace points; -trace help lists them", opt_trace },
    { "L", "DIR", "directory of firmware", opt_data_dir },
    { "qtest", "DEV", "a qtest server", opt_qtest },
    { "qtest-log", "FILE|none", "the qtest server's log", opt_qtest_log },
    { "compat", "…", NULL, opt_unsupported },
    { "seed", "N", NULL, opt_unsupported },
    { "spice", "…", NULL, opt_unsupported },
    { "gdb", "DEV", NULL, opt_unsupported },
    { "s", NULL, NULL, opt_unsupported },
    { "icount", "[shift=N|auto][,align=on|off][,sleep=on|off]", "guest time by executed instructions, 1 << N ns each", opt_icount },
    { "plugin", "…", NULL, opt_unsupported },
    { "fsdev", "…", NULL, opt_unsupported },
    { "virtfs", "…", NULL, opt_unsupported },
    { "tpmdev", "…", NULL, opt_unsupported },
    { "usbdevice", "…", NULL, opt_unsupported },
};
const size_t option_host_count = G_N_ELEMENTS(option_host_table);
