/* Options about the guest: machine, devices, back ends, monitors. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "accel/accel.h"
#include "chardev/chardev.h"
#include "system/option-int.h"
#include "util/fdset.h"

/* Puts the nested options into the machine's, under `member` or (NULL) at the top. */
static bool merge_machine(Config *config, const char *member, Json *opts)
{
    g_autoptr(Json) whole = member ? json_new_object() : json_ref(opts);

    if (member) {
        json_set(whole, member, json_ref(opts));
    }
    keyval_merge(config->machine, whole);
    json_unref(opts);
    return true;
}

static bool machine_text(Config *config, const char *key, const char *value)
{
    json_set(config->machine, key, json_new_string(value));
    return true;
}

static bool file_group(Config *config, OptionKind kind, OptionItem *item, const char *group, const char *implied,
                       GError **error)
{
    item->opts = option_parse_group(item->arg, group, implied, error);
    if (!item->opts) {
        return false;
    }
    options_file(config, kind, item);
    return true;
}

/* Others are a text for the machine. */
#define MACHINE(name, member)                                                               \
    static bool opt_##name(Config *config, OptionItem *item, GError **error)                \
    {                                                                                       \
        return machine_text(config, member, item->arg);                                     \
    }
#define MACHINE_SWITCH(name, member, value)                                                 \
    static bool opt_##name(Config *config, OptionItem *item, GError **error)                \
    {                                                                                       \
        return machine_text(config, member, value);                                         \
    }

/* --- the machine --- */

static bool opt_machine(Config *config, OptionItem *item, GError **error)
{
    bool help = false;
    Json *opts = keyval_parse_or_json(item->arg, "type", NULL, &help, error);

    if (!opts) {
        return false;
    }
    config->machine_help |= help;
    merge_machine(config, NULL, opts);
    config->accel = json_member_string(config->machine, "accel", config->accel);
    return true;
}

static bool opt_smp(Config *config, OptionItem *item, GError **error)
{
    Json *opts = keyval_parse(item->arg, "cpus", NULL, error);

    return opts && merge_machine(config, "smp", opts);
}

static bool opt_boot(Config *config, OptionItem *item, GError **error)
{
    Json *opts = keyval_parse(item->arg, "order", NULL, error);

    return opts && merge_machine(config, "boot", opts);
}

static bool opt_m(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = option_parse_group(item->arg, "memory", "size", error);
    Json *memory = json_new_object();
    const char *size = opts ? json_member_string(opts, "size", NULL) : NULL;
    uint64_t bytes, slots;

    if (!opts || (size && !keyval_size("size", size, 1 << 20, &bytes, error))) {
        json_unref(memory);
        return false;
    }
    /* 0 asks for the machine's default. */
    if (size && bytes) {
        json_set(memory, "size", json_new_uint(bytes));
    }
    if (json_has(opts, "slots") && keyval_get_uint(opts, "slots", 0, &slots, NULL)) {
        json_set(memory, "slots", json_new_uint(slots));
    }
    if (json_has(opts, "maxmem") && keyval_get_size(opts, "maxmem", 0, &bytes, NULL)) {
        json_set(memory, "max-size", json_new_uint(bytes));
    }
    return merge_machine(config, "memory", memory);
}

MACHINE(kernel, "kernel")
MACHINE(initrd, "initrd")
MACHINE(append, "append")
MACHINE(dtb, "dtb")
MACHINE(bios, "firmware")
MACHINE_SWITCH(usb, "usb", "on")
MACHINE_SWITCH(no_hpet, "hpet", "off")
MACHINE_SWITCH(no_acpi, "acpi", "off")
KEEP(cpu)
KEEP(mem_path)
SWITCH(mem_prealloc)

static bool opt_accel(Config *config, OptionItem *item, GError **error)
{
    item->opts = keyval_parse_flat(item->arg, "accel", NULL, error);
    if (!item->opts) {
        return false;
    }
    if (option_is_help(json_member_string(item->opts, "accel", ""))) {
        g_autoptr(GString) out = g_string_new("Accelerators supported in QEMU binary:\n");

        accel_help(out);
        fputs(out->str, stdout);
        return config->done = true;
    }
    options_file(config, OPT_ACCEL, item);
    return true;
}

static bool opt_enable_kvm(Config *config, OptionItem *item, GError **error)
{
    item->opts = json_new_object();
    json_set(item->opts, "accel", json_new_string("kvm"));
    options_file(config, OPT_ACCEL, item);
    return true;
}

/* --- devices, objects, back ends --- */

static bool opt_device(Config *config, OptionItem *item, GError **error)
{
    item->json = item->arg[0] == '{';
    item->opts = item->json ? json_parse(item->arg, -1, error)
                            : option_parse_group(item->arg, "device", "driver", error);
    if (!item->opts) {
        return false;
    }
    if (!json_member(item->opts, "driver")) {
        return error_setf(error, "Parameter 'driver' is missing");
    }
    options_file(config, OPT_DEVICE, item);
    return true;
}

static bool opt_object(Config *config, OptionItem *item, GError **error)
{
    item->opts = keyval_parse_or_json(item->arg, "qom-type", &item->json, &item->help, error);
    if (!item->opts) {
        return false;
    }
    options_file(config, OPT_OBJECT, item);
    return true;
}

static bool opt_blockdev(Config *config, OptionItem *item, GError **error)
{
    item->opts = keyval_parse_or_json(item->arg, "driver", &item->json, NULL, error);
    if (!item->opts) {
        return false;
    }
    options_file(config, OPT_BLOCKDEV, item);
    return true;
}

static bool opt_drive(Config *config, OptionItem *item, GError **error)
{
    /* What a drive does not know is an option of the block driver. */
    item->opts = keyval_parse_flat(item->arg, "file", NULL, error);
    if (!item->opts) {
        return false;
    }
    options_file(config, OPT_DRIVE, item);
    return true;
}

/* -hda and its like: a drive with a place. */
static bool short_drive(Config *config, OptionItem *item, const char *key, const char *value, const char *media)
{
    item->opts = json_new_object();
    json_set(item->opts, "file", json_new_string(item->arg));
    json_set(item->opts, "index", json_new_string(value));
    if (strcmp(key, "if") == 0) {
        json_set(item->opts, "if", json_new_string(media));
    } else {
        json_set(item->opts, "media", json_new_string(media));
    }
    options_file(config, OPT_DRIVE, item);
    return true;
}

#define DRIVE(name, key, index, media)                                                      \
    static bool opt_##name(Config *config, OptionItem *item, GError **error)                \
    {                                                                                       \
        return short_drive(config, item, key, index, media);                                \
    }
DRIVE(hda, "media", "0", "disk")
DRIVE(hdb, "media", "1", "disk")
DRIVE(hdc, "media", "2", "disk")
DRIVE(hdd, "media", "3", "disk")
DRIVE(cdrom, "media", "2", "cdrom")
DRIVE(fda, "if", "0", "floppy")
DRIVE(fdb, "if", "1", "floppy")
DRIVE(pflash, "if", "0", "pflash")
SWITCH(snapshot)

static bool opt_global(Config *config, OptionItem *item, GError **error)
{
    options_file(config, OPT_GLOBAL, item);
    return true;
}

static bool opt_audiodev(Config *config, OptionItem *item, GError **error)
{
    static const char *const drivers[] = { "none", "alsa", "dbus", "oss", "pa", "sdl", "sndio", "spice", "wav", NULL };

    item->opts = keyval_parse_or_json(item->arg, "driver", &item->json, NULL, error);
    if (!item->opts) {
        return false;
    }
    for (const char *const *key = WORDS("id", "driver"); *key; key++) {
        if (!json_member_string(item->opts, *key, NULL)) {
            return error_setf(error, "Parameter '%s' is missing", *key);
        }
    }
    if (!option_one_of(item->opts, "driver", drivers, error)) {
        return false;
    }
    if (strcmp(json_member_string(item->opts, "driver", NULL), "none") != 0) {
        return error_setf(error, "audio driver '%s' is not available", json_member_string(item->opts, "driver", NULL));
    }
    if (!option_knows_all(item->opts, WORDS("id", "driver", "timer-period", "in", "out"), error)) {
        return false;
    }
    options_file(config, OPT_AUDIODEV, item);
    return true;
}

static bool opt_audio(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = keyval_parse(item->arg, "driver", NULL, error);

    if (!opts || !option_one_of(opts, "driver", WORDS("none"), error)) {
        return false;
    }
    return !json_has(opts, "model") || error_setf(error, "no sound card model '%s'", json_member_string(opts, "model", ""));
}

/* Network devices have no back ends here: only none can be asked for. */
static bool opt_net(Config *config, OptionItem *item, GError **error)
{
    if (strcmp(item->arg, "none") != 0) {
        return error_setf(error, "network backend '%.*s' is not compiled into this binary", (int)strcspn(item->arg, ","),
                          item->arg);
    }
    return true;
}

/* --- character devices and monitors --- */

static bool opt_chardev(Config *config, OptionItem *item, GError **error)
{
    if (option_is_help(item->arg)) {
        printf("Available chardev backend types: \n");
        for (const char *const *name = chardev_backends(); *name; name++) {
            printf("  %s\n", *name);
        }
        return config->done = true;
    }
    return file_group(config, OPT_CHARDEV, item, "chardev", "backend", error);
}

static bool opt_mon(Config *config, OptionItem *item, GError **error)
{
    item->opts = option_parse_group(item->arg, "mon", "chardev", error);
    if (!item->opts || !option_one_of(item->opts, "mode", WORDS("readline", "control"), error) ||
        !keyval_get_bool(item->opts, "pretty", false, &item->pretty, error)) {
        return false;
    }
    item->control = strcmp(json_member_string(item->opts, "mode", "readline"), "control") == 0;
    if (item->pretty && !item->control) {
        return error_setf(error, "'pretty' is not compatible with HMP monitors");
    }
    if (!json_has(item->opts, "chardev")) {
        return error_setf(error, "Parameter 'chardev' is missing");
    }
    options_file(config, OPT_MONITOR, item);
    return true;
}

static bool short_monitor(Config *config, OptionItem *item, bool control, bool pretty)
{
    item->control = control;
    item->pretty = pretty;
    options_file(config, OPT_MONITOR, item);
    return true;
}

static bool opt_monitor(Config *config, OptionItem *item, GError **error)
{
    return short_monitor(config, item, false, false);
}

static bool opt_qmp(Config *config, OptionItem *item, GError **error)
{
    return short_monitor(config, item, true, false);
}

static bool opt_qmp_pretty(Config *config, OptionItem *item, GError **error)
{
    return short_monitor(config, item, true, true);
}

static bool opt_serial(Config *config, OptionItem *item, GError **error)
{
    options_file(config, OPT_SERIAL, item);
    return true;
}

/* A device whose character device is made from the short form: the latter in setup_chardevs(). */
static bool opt_debugcon(Config *config, OptionItem *item, GError **error)
{
    if (config->debugcon) {
        return error_setf(error, "-debugcon is given twice");
    }
    config->debugcon = item->arg;
    item->opts = json_new_object();
    json_set(item->opts, "driver", json_new_string("isa-debugcon"));
    json_set(item->opts, "chardev", json_new_string("debugcon"));
    json_set(item->opts, "id", json_new_string("debugcon"));
    options_file(config, OPT_DEVICE, item);
    return true;
}

static bool opt_parallel(Config *config, OptionItem *item, GError **error)
{
    options_file(config, OPT_PARALLEL, item);
    return true;
}

static bool opt_add_fd(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(Json) opts = option_parse_group(item->arg, "add-fd", NULL, error);
    uint64_t fd, set;
    int64_t id;
    int copy;

    if (!opts || !keyval_get_uint(opts, "fd", UINT64_MAX, &fd, error) || !keyval_get_uint(opts, "set", UINT64_MAX, &set, error)) {
        return false;
    }
    if ((int64_t)fd < 0) {
        return error_setf(error, "fd option is required and must be non-negative");
    }
    if (fd <= STDERR_FILENO) {
        return error_setf(error, "fd cannot be a standard I/O stream");
    }
    if ((int64_t)set < 0) {
        return error_setf(error, "set option is required and must be non-negative");
    }
    copy = fd > INT_MAX ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return error_setf(error, "fd is not valid or already in use");
    }
    id = set;
    return fdset_add(copy, &id, json_member_string(opts, "opaque", NULL), error);
}

const Option option_guest_table[] = {
    { "machine", "[type=]TYPE[,PROP=VALUE]…", "machine type and its properties; -machine help lists the types", opt_machine },
    { "M", "TYPE", NULL, opt_machine },
    { "cpu", "MODEL[,FEATURE=on|off]…", "CPU model; -cpu help lists them", opt_cpu },
    { "accel", "[accel=]NAME[,PROP=VALUE]…", "accelerator: tcg or qtest", opt_accel },
    { "smp", "[cpus=]N[,maxcpus=…][,sockets=…][,dies=…][,cores=…][,threads=…]", "number of CPUs and their topology", opt_smp },
    { "m", "[size=]MEGABYTES[,slots=N,maxmem=SIZE]", "size of the guest's memory", opt_m },
    { "mem-path", "PATH", "a file or directory to keep the guest's memory in", opt_mem_path },
    { "mem-prealloc", NULL, "allocate the guest's memory at start", opt_mem_prealloc },
    { "boot", "[order=DRIVES][,once=DRIVES][,menu=on|off][,strict=on|off]…", "boot order", opt_boot },
    { "bios", "FILE", "firmware image", opt_bios },
    { "kernel", "FILE", "Linux kernel image", opt_kernel },
    { "append", "TEXT", "kernel command line", opt_append },
    { "initrd", "FILE", "initial RAM disk", opt_initrd },
    { "dtb", "FILE", "device tree image", opt_dtb },
    { "usb", NULL, "a USB host controller", opt_usb },
    { "no-hpet", NULL, "no HPET", opt_no_hpet },
    { "no-acpi", NULL, "no ACPI", opt_no_acpi },
    { "device", "DRIVER[,PROP=VALUE]…", "a device; -device help lists them, -device DRIVER,help their properties", opt_device },
    { "object", "TYPE,id=ID[,PROP=VALUE]…", "an object: memory back end, I/O thread, secret; -object help lists them", opt_object },
    { "global", "DRIVER.PROP=VALUE", "default of a property of all devices of a type", opt_global },
    { "drive", "[file=FILE][,if=none|virtio][,id=ID][,format=raw]…", "a disk image", opt_drive },
    { "blockdev", "[driver=]DRIVER,node-name=NAME[,…]", "a block node, as QMP's blockdev-add", opt_blockdev },
    { "hda", "FILE", "disk images by place: -hda to -hdd, -cdrom, -fda, -fdb", opt_hda },
    { "hdb", "FILE", NULL, opt_hdb },
    { "hdc", "FILE", NULL, opt_hdc },
    { "hdd", "FILE", NULL, opt_hdd },
    { "cdrom", "FILE", NULL, opt_cdrom },
    { "fda", "FILE", NULL, opt_fda },
    { "fdb", "FILE", NULL, opt_fdb },
    { "pflash", "FILE", NULL, opt_pflash },
    { "snapshot", NULL, "write to temporary files instead of the disk images", opt_snapshot },
    { "chardev", "BACKEND,id=ID[,…]", "a character device; -chardev help lists the back ends", opt_chardev },
    { "serial", "DEV", "the serial port's character device", opt_serial },
    { "parallel", "DEV", "the parallel port's character device", opt_parallel },
    { "debugcon", "DEV", "the debug port's character device", opt_debugcon },
    { "monitor", "DEV", "a monitor for people", opt_monitor },
    { "qmp", "DEV", "a QMP monitor", opt_qmp },
    { "qmp-pretty", "DEV", "a QMP monitor with indented output", opt_qmp_pretty },
    { "mon", "[chardev=]ID[,mode=readline|control][,pretty=on|off]", "a monitor on a character device", opt_mon },
    { "add-fd", "fd=FD,set=SET[,opaque=TEXT]", "an inherited file descriptor into a set", opt_add_fd },
    { "audiodev", "[driver=]none,id=ID", "an audio back end", opt_audiodev },
    { "audio", "[driver=]none", "an audio back end and a device", opt_audio },
    { "net", "none", "no network", opt_net },
    { "nic", "none", NULL, opt_net },
    { "netdev", "…", NULL, opt_net },
    { "enable-kvm", NULL, NULL, opt_enable_kvm },
};
const size_t option_guest_count = G_N_ELEMENTS(option_guest_table);
