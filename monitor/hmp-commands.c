/* HMP's commands: running, devices, memory, disks, logging. */
#include <inttypes.h>
#include <string.h>

#include "accel/cpus.h"
#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "hw/pci/pcie_aer.h"
#include "monitor/hmp.h"
#include "monitor/monitor-int.h"
#include "monitor/qmp.h"
#include "system/memory.h"
#include "system/user-object.h"
#include "target/i386/cpu.h"
#include "util/byteorder.h"
#include "util/keyval.h"
#include "util/log.h"
#include "util/trace.h"

/* Runs a QMP command that returns nothing of interest; args is taken. */
static void run(const char *command, Json *args, GError **error)
{
    G_GNUC_UNUSED g_autoptr(Json) owned = args;

    json_unref(qmp_run(command, args, NULL, error));
}

static Json *one_arg(const char *name, const char *value)
{
    Json *args = json_new_object();

    json_set(args, name, json_new_string(value));
    return args;
}

/* --- running --- */

#define PLAIN(fn, command)                                                                  \
    static void fn(Monitor *mon, const Json *args, GError **error)                          \
    {                                                                                       \
        run(command, NULL, error);                                                          \
    }
PLAIN(cmd_stop, "stop")
PLAIN(cmd_cont, "cont")
PLAIN(cmd_nmi, "inject-nmi")
PLAIN(cmd_system_reset, "system_reset")
PLAIN(cmd_system_powerdown, "system_powerdown")
PLAIN(cmd_system_wakeup, "system_wakeup")

static void cmd_quit(Monitor *mon, const Json *args, GError **error)
{
    hmp_session_hold(mon); /* no prompt comes any more */
    run("quit", NULL, error);
}

/* --- devices and objects --- */

static void cmd_device_add(Monitor *mon, const Json *args, GError **error)
{
    const char *text = json_member_string(args, "device", "");
    g_autoptr(Json) opts = keyval_parse_flat(text, "driver", NULL, error);
    const char *driver = opts ? json_member_string(opts, "driver", NULL) : NULL;
    g_autoptr(GString) out = NULL;

    if (!opts) {
        return;
    }
    if (!driver) {
        error_setf(error, "Parameter 'driver' is missing");
        return;
    }
    if (strcmp(driver, "help") == 0 || json_has(opts, "help")) {
        out = g_string_new(NULL);
        if (device_help(strcmp(driver, "help") == 0 ? NULL : driver, out, error)) {
            monitor_puts(mon, out->str);
        }
        return;
    }
    device_add(opts, false, error);
}

static void cmd_device_del(Monitor *mon, const Json *args, GError **error)
{
    run("device_del", one_arg("id", json_member_string(args, "id", "")), error);
}

static bool add_id(Object *child, void *words)
{
    g_ptr_array_add(words, g_strdup(object_name(child)));
    return true;
}

static void complete_children(const char *path, GPtrArray *words, const char *prefix)
{
    Object *parent = object_resolve_path(path, NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

    if (parent) {
        object_foreach_child(parent, add_id, all);
    }
    for (guint i = 0; i < all->len; i++) {
        if (g_str_has_prefix(all->pdata[i], prefix)) {
            g_ptr_array_add(words, g_strdup(all->pdata[i]));
        }
    }
}

static void complete_device(GPtrArray *words, const char *prefix)
{
    complete_children("/machine/peripheral", words, prefix);
}

static void complete_object(GPtrArray *words, const char *prefix)
{
    complete_children("/objects", words, prefix);
}

typedef struct TypeMatch {
    GPtrArray *words;
    const char *prefix;
} TypeMatch;

static void match_type(const char *type, void *opaque)
{
    TypeMatch *m = opaque;

    if (g_str_has_prefix(type, m->prefix)) {
        g_ptr_array_add(m->words, g_strdup(type));
    }
}

static void complete_driver(GPtrArray *words, const char *prefix)
{
    TypeMatch m = { words, prefix };

    type_foreach(TYPE_DEVICE, false, match_type, &m);
}

static void cmd_object_add(Monitor *mon, const Json *args, GError **error)
{
    bool help = false;
    g_autoptr(Json) opts = keyval_parse(json_member_string(args, "object", ""), "qom-type", &help, error);
    g_autoptr(GString) out = NULL;

    if (!opts) {
        return;
    }
    if (help) {
        out = g_string_new(NULL);
        if (user_object_help(json_member_string(opts, "qom-type", NULL), out, error)) {
            monitor_puts(mon, out->str);
        }
        return;
    }
    user_object_add_option(opts, false, error);
}

static void cmd_object_del(Monitor *mon, const Json *args, GError **error)
{
    run("object-del", one_arg("id", json_member_string(args, "id", "")), error);
}

static void cmd_qom_get(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) copy = json_copy(args);
    g_autoptr(Json) result = NULL;
    g_autofree char *text = NULL;

    result = qmp_run("qom-get", copy, NULL, error);
    if (result) {
        text = json_text(result, true);
        monitor_printf(mon, "%s\n", text);
    }
}

static void cmd_qom_set(Monitor *mon, const Json *args, GError **error)
{
    const char *path = json_member_string(args, "path", ""), *value = json_member_string(args, "value", "");
    g_autoptr(Json) json = json_member_bool(args, "json", false) ? json_parse(value, -1, error) : NULL;
    bool ambiguous = false;
    Object *obj;

    if (json_member_bool(args, "json", false) && !json) {
        return;
    }
    obj = object_resolve_path(path, &ambiguous);
    if (!obj) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, ambiguous ? "Path '%s' is ambiguous" : "Device '%s' not found", path);
    } else if (json) {
        object_property_set(obj, json_member_string(args, "property", ""), json, PROP_ORIGIN_USER, error);
    } else {
        object_property_parse(obj, json_member_string(args, "property", ""), value, PROP_ORIGIN_USER, error);
    }
}

static void cmd_qom_list(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) copy = json_copy(args);
    g_autoptr(Json) list = NULL;

    if (!json_has(args, "path")) {
        monitor_puts(mon, "/\n");
        return;
    }
    list = qmp_run("qom-list", copy, NULL, error);
    for (size_t i = 0; list && i < json_count(list); i++) {
        monitor_printf(mon, "%s (%s)\n", json_member_string(json_at(list, i), "name", ""), json_member_string(json_at(list, i), "type", ""));
    }
}

static void cmd_pcie_aer_inject_error(Monitor *mon, const Json *args, GError **error)
{
    PCIEAERRequest request = {
        .id = json_member_string(args, "id", ""),
        .error_status = json_member_string(args, "error_status", ""),
        .advisory_non_fatal = json_member_bool(args, "advisory_non_fatal", false),
        .correctable = json_member_bool(args, "correctable", false),
    };
    g_autoptr(GString) out = g_string_new(NULL);

    for (; request.num_dwords < G_N_ELEMENTS(request.dwords); request.num_dwords++) {
        g_autofree char *name = g_strdup_printf(request.num_dwords < 4 ? "header%u" : "prefix%u", request.num_dwords % 4);

        if (!json_has(args, name)) {
            break;
        }
        request.dwords[request.num_dwords] = json_member_int(args, name, 0);
    }
    if (pcie_aer_inject_request(&request, out, error)) {
        monitor_puts(mon, out->str);
    }
}

/* --- memory and ports --- */

static unsigned unit_size(const Json *args, unsigned otherwise)
{
    switch (json_member_string(args, "size", "")[0]) {
    case 'b':
        return 1;
    case 'h':
        return 2;
    case 'w':
        return 4;
    case 'g':
    case 'L':
        return 8;
    }
    return otherwise;
}

static void print_char(Monitor *mon, uint8_t c)
{
    static const char escapes[][2] = { { '\\', '\\' }, { '\'', '\'' }, { '\n', 'n' }, { '\r', 'r' } };

    monitor_puts(mon, "'");
    for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++) {
        if (c == escapes[i][0]) {
            monitor_printf(mon, "\\%c'", escapes[i][1]);
            return;
        }
    }
    monitor_printf(mon, c >= 32 && c <= 126 ? "%c'" : "\\x%02x'", c);
}

static void print_unit(Monitor *mon, char format, unsigned size, uint64_t v)
{
    static const int octal[] = { 0, 3, 6, 0, 11, 0, 0, 0, 22 }, decimal[] = { 0, 3, 5, 0, 10, 0, 0, 0, 20 };

    switch (format) {
    case 'o':
        monitor_printf(mon, "%#*" PRIo64, octal[size], v);
        break;
    case 'u':
        monitor_printf(mon, "%*" PRIu64, decimal[size], v);
        break;
    case 'd': /* without a sign below 64 bits, as QEMU shows them */
        monitor_printf(mon, "%*" PRId64, decimal[size], (int64_t)v);
        break;
    case 'c':
        print_char(mon, v);
        break;
    default:
        monitor_printf(mon, "0x%0*" PRIx64, (int)size * 2, v);
    }
}

/* False: a page of it is not mapped, or nothing is there. `cpu` NULL: a physical address. */
static bool read_memory(X86CPU *cpu, uint64_t addr, uint8_t *buf, size_t size)
{
    while (size > 0) {
        size_t len = MIN(size, TARGET_PAGE_SIZE - addr % TARGET_PAGE_SIZE);
        uint64_t physical = addr;

        if ((cpu && !x86_translate(cpu, addr, &physical)) || address_space_read(&address_space_memory, physical, buf, len) != MEMTX_OK) {
            return false;
        }
        addr += len;
        buf += len;
        size -= len;
    }
    return true;
}

/* x and xp: by the default CPU's page tables, and by physical address. */
static void dump(Monitor *mon, const Json *args, bool is_virtual)
{
    static char format = 'x';
    static unsigned unit = 4;
    unsigned size;
    uint64_t addr = json_member_int(args, "addr", 0), count = json_member_int(args, "count", 1);
    const char *wanted = json_member_string(args, "format", "");
    unsigned per_line;

    if (wanted[0] == 'i' || wanted[0] == 's') {
        monitor_printf(mon, "%s is not available\n", wanted[0] == 'i' ? "Disassembly" : "Output as a string");
        return;
    }
    format = wanted[0] ? wanted[0] : format;
    unit = unit_size(args, unit);
    size = format == 'c' ? 1 : unit;
    count *= unit / size;
    per_line = unit == 1 ? 8 : 16 / size;
    for (uint64_t i = 0; i < count; i += per_line) {
        unsigned units = MIN(per_line, count - i);
        uint8_t buf[16] = { 0 };

        monitor_printf(mon, "%016" PRIx64 ":", addr);
        if (!read_memory(is_virtual ? hmp_cpu(mon) : NULL, addr, buf, (size_t)units * size)) {
            monitor_puts(mon, " Cannot access memory\n");
            return;
        }
        for (unsigned k = 0; k < units; k++) {
            monitor_puts(mon, " ");
            print_unit(mon, format, size, load_le(buf + k * size, size));
        }
        addr += (uint64_t)units * size;
        monitor_puts(mon, "\n");
    }
}

static void cmd_x(Monitor *mon, const Json *args, GError **error)
{
    cpus_pause();
    dump(mon, args, true);
    cpus_resume();
}

static void cmd_xp(Monitor *mon, const Json *args, GError **error)
{
    dump(mon, args, false);
}

static void cmd_print(Monitor *mon, const Json *args, GError **error)
{
    const char *wanted = json_member_string(args, "format", "");
    int64_t v = json_member_int(args, "value", 0);

    switch (wanted[0]) {
    case 'o':
        monitor_printf(mon, "%#" PRIo64, (uint64_t)v);
        break;
    case 'u':
        monitor_printf(mon, "%" PRIu64, (uint64_t)v);
        break;
    case 'd':
        monitor_printf(mon, "%" PRId64, v);
        break;
    case 'c':
        print_char(mon, v);
        break;
    default:
        monitor_printf(mon, "%#" PRIx64, (uint64_t)v);
    }
    monitor_puts(mon, "\n");
}

static void cmd_in(Monitor *mon, const Json *args, GError **error)
{
    unsigned size = MIN(unit_size(args, 1), 4);
    uint16_t port = json_member_int(args, "addr", 0);

    monitor_printf(mon, "port%c[0x%04x] = 0x%0*" PRIx64 "\n", size == 1 ? 'b' : size == 2 ? 'w' : 'l', port, (int)size * 2,
                   address_space_load(&address_space_io, port, size, NULL));
}

static void cmd_out(Monitor *mon, const Json *args, GError **error)
{
    address_space_store(&address_space_io, json_member_int(args, "addr", 0) & 0xffff, json_member_int(args, "val", 0),
                        MIN(unit_size(args, 1), 4));
}

static void cmd_sum(Monitor *mon, const Json *args, GError **error)
{
    uint64_t addr = json_member_int(args, "start", 0), size = MIN(json_member_int(args, "size", 0), INT64_C(1) << 32);
    uint16_t sum = 0;

    for (uint64_t i = 0; i < size; i++) {
        uint8_t byte = 0;

        /* The BSD sum: rotate right, add. */
        address_space_read(&address_space_memory, addr + i, &byte, 1);
        sum = (sum >> 1) | (sum << 15);
        sum += byte;
    }
    monitor_printf(mon, "%05d\n", sum);
}

static void cmd_pmemsave(Monitor *mon, const Json *args, GError **error)
{
    run("pmemsave", json_copy(args), error);
}

/* --- disks and character devices --- */

static void cmd_ringbuf_read(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) copy = json_copy(args);
    g_autoptr(Json) text = NULL;

    text = qmp_run("ringbuf-read", copy, NULL, error);
    if (text) {
        monitor_printf(mon, "%s\n", json_get_string(text));
    }
}

static void cmd_ringbuf_write(Monitor *mon, const Json *args, GError **error)
{
    run("ringbuf-write", json_copy(args), error);
}

static void cmd_chardev_add(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) opts = keyval_parse_flat(json_member_string(args, "args", ""), "backend", NULL, error);

    if (opts) {
        chardev_new(opts, error);
    }
}

static void cmd_chardev_remove(Monitor *mon, const Json *args, GError **error)
{
    run("chardev-remove", json_copy(args), error);
}

static void cmd_chardev_send_break(Monitor *mon, const Json *args, GError **error)
{
    run("chardev-send-break", json_copy(args), error);
}

/* --- logging --- */

static void cmd_log(Monitor *mon, const Json *args, GError **error)
{
    const char *items = json_member_string(args, "items", "");

    if (strcmp(items, "help") == 0 || !log_set_mask(items, NULL)) {
        g_autoptr(GString) out = g_string_new("Log items (comma separated):\n");

        log_help(out);
        monitor_puts(mon, out->str);
    }
}

static void cmd_logfile(Monitor *mon, const Json *args, GError **error)
{
    log_set_file(json_member_string(args, "filename", ""), error);
}

static void cmd_trace_event(Monitor *mon, const Json *args, GError **error)
{
    const char *name = json_member_string(args, "name", "");

    if (!trace_enable(name, json_member_bool(args, "option", false)) && !strpbrk(name, "*?")) {
        error_setf(error, "unknown event \"%s\"", name);
    }
}

static const HmpCommand commands[] = {
    { "quit|q", NULL, NULL, "quit the emulator", cmd_quit },
    { "stop|s", NULL, NULL, "stop emulation", cmd_stop },
    { "cont|c", NULL, NULL, "resume emulation", cmd_cont },
    { "system_reset", NULL, NULL, "reset the system", cmd_system_reset },
    { "system_powerdown", NULL, NULL, "send system power down event", cmd_system_powerdown },
    { "nmi", NULL, NULL, "inject an NMI", cmd_nmi },
    { "system_wakeup", NULL, NULL, "wakeup guest from suspend", cmd_system_wakeup },
    { "device_add", "device:O", "driver[,prop=value][,...]", "add device, like -device on the command line", cmd_device_add, complete_driver },
    { "device_del", "id:s", "device", "remove device", cmd_device_del, complete_device },
    { "object_add", "object:S", "[qom-type=]type,id=str[,prop=value][,...]", "create QOM object", cmd_object_add },
    { "object_del", "id:s", "id", "destroy QOM object", cmd_object_del, complete_object },
    { "qom-list", "path:s?", "path", "list QOM properties", cmd_qom_list },
    { "qom-get", "path:s property:s", "path property", "print QOM property", cmd_qom_get },
    { "qom-set", "json:- path:s property:s value:S", "[-j] path property value",
      "set QOM property.\n\t\t\t -j: the value is specified in json format.", cmd_qom_set },
    { "pcie_aer_inject_error",
      "advisory_non_fatal:- correctable:- id:s error_status:s header0:i? header1:i? header2:i? header3:i? prefix0:i? prefix1:i? "
      "prefix2:i? prefix3:i?",
      "[-a] [-c] id <error_status> [<tlp header> [<tlp header prefix>]]",
      "inject pcie aer error\n\t\t\t -a for advisory non fatal error\n\t\t\t -c for correctable error\n\t\t\t<id> = qdev device id\n\t\t\t"
      "<error_status> = error string or 32bit\n\t\t\t<tlp header> = 32bit x 4\n\t\t\t<tlp header prefix> = 32bit x 4",
      cmd_pcie_aer_inject_error, complete_device },
    { "x", "fmt:/ addr:i", "/fmt addr", "virtual memory dump starting at 'addr'", cmd_x },
    { "xp", "fmt:/ addr:i", "/fmt addr", "physical memory dump starting at 'addr'", cmd_xp },
    { "print|p", "fmt:/ value:i", "/fmt expr", "print expression value (use $reg for CPU register access)", cmd_print },
    { "i", "fmt:/ addr:i", "/fmt addr", "I/O port read", cmd_in },
    { "o", "fmt:/ addr:i val:i", "/fmt addr value", "I/O port write", cmd_out },
    { "sum", "start:i size:i", "addr size", "compute the checksum of a memory region", cmd_sum },
    { "pmemsave", "val:i size:i filename:s", "addr size file", "save to disk physical memory dump starting at 'addr' of size 'size'", cmd_pmemsave },
    { "ringbuf_read", "device:s size:i", "device size", "Read from a ring buffer character device", cmd_ringbuf_read },
    { "ringbuf_write", "device:s data:s", "device data", "Write to a ring buffer character device", cmd_ringbuf_write },
    { "chardev-add", "args:S", "args", "add chardev", cmd_chardev_add },
    { "chardev-remove", "id:s", "id", "remove chardev", cmd_chardev_remove },
    { "chardev-send-break", "id:s", "id", "send a break on chardev", cmd_chardev_send_break },
    { "log", "items:s", "item1[,...]", "activate logging of the specified items", cmd_log },
    { "logfile", "filename:s", "filename", "output logs to 'filename'", cmd_logfile },
    { "trace-event", "name:s option:b", "name on|off", "changes status of a specific trace event", cmd_trace_event },
};
HMP_COMMANDS(commands)
