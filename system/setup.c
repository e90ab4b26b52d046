/* The phases of a start; see the header. */
#include "system/setup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/cpus.h"
#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/core/machine.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/smbios/smbios.h"
#include "migration/migration.h"
#include "monitor/monitor.h"
#include "system/main-loop.h"
#include "system/qtest.h"
#include "system/runstate.h"
#include "system/user-object.h"
#include "target/i386/cpu.h"
#include "util/log.h"

/* What has not landed yet is skipped. */

/* Runs fn for each item of a kind, with the item as the context of what it reports. */
static bool each(Config *config, OptionKind kind, bool (*fn)(Config *config, OptionItem *item, GError **error))
{
    GPtrArray *items = config->items[kind];

    for (guint i = 0; items && i < items->len; i++) {
        OptionItem *item = items->pdata[i];
        GError *error = NULL;
        bool ok;

        log_set_context(item->text);
        ok = fn(config, item, &error);
        log_set_context(NULL);
        if (!ok) {
            return options_report(item, error);
        }
    }
    return true;
}

static bool fail(GError *error)
{
    error_report("%s", error->message);
    g_error_free(error);
    return false;
}

/* --- logging and help --- */

bool setup_logging(Config *config)
{
    GError *error = NULL;

    if ((config->log_file && !log_set_file(config->log_file, &error)) ||
        (config->log_items && !log_set_mask(config->log_items, &error))) {
        return fail(error);
    }
    return true;
}

static bool device_helped(Config *config, OptionItem *item, GError **error)
{
    const char *driver = json_member_string(item->opts, "driver", "");
    bool list = strcmp(driver, "help") == 0 || strcmp(driver, "?") == 0;
    g_autoptr(GString) out = NULL;

    if (config->done || item->json || (!list && !json_has(item->opts, "help") && !json_has(item->opts, "?"))) {
        return true;
    }
    out = g_string_new(NULL);
    if (!device_help(list ? NULL : driver, out, error)) {
        return false;
    }
    fputs(out->str, stdout);
    return config->done = true;
}

static bool object_helped(Config *config, OptionItem *item, GError **error)
{
    g_autoptr(GString) out = NULL;

    if (!item->help || config->done) {
        return true;
    }
    out = g_string_new(NULL);
    if (!user_object_help(json_member_string(item->opts, "qom-type", NULL), out, error)) {
        return false;
    }
    fputs(out->str, stdout);
    return config->done = true;
}

bool setup_help(Config *config)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (config->cpu && (strcmp(config->cpu, "help") == 0 || strcmp(config->cpu, "?") == 0)) {
        x86_cpu_help(out);
        fputs(out->str, stdout);
        return config->done = true;
    }
    if (config->machine_help) {
        const char *type = json_member_string(config->machine, "type", NULL);
        GError *error = NULL;
        MachineClass *mc = type ? machine_find(type, &error) : NULL;

        if (error) {
            return fail(error);
        }
        if (mc) {
            machine_help_options(mc, out);
        } else {
            machine_help(out);
        }
        fputs(out->str, stdout);
        return config->done = true;
    }
    return each(config, OPT_OBJECT, object_helped) && each(config, OPT_DEVICE, device_helped);
}

/* --- character devices --- */

static bool make_chardev(Config *config, OptionItem *item, GError **error)
{
    return chardev_new(item->opts, error) != NULL;
}

static void add_monitor(Config *config, OptionItem *from, Chardev *chr)
{
    OptionItem *item = g_new0(OptionItem, 1);

    item->text = g_strdup(from->text);
    item->opts = json_new_object();
    json_set(item->opts, "chardev", json_new_string(chardev_id(chr)));
    options_file(config, OPT_MONITOR, item);
}

/* "mon:" before a port's device says that a monitor is there too. */
static bool has_monitor(const char *spec)
{
    return g_str_has_prefix(spec, "mon:");
}

/* -serial and -parallel: "serial0", "serial1", … for the board's ports in that order. */
static bool make_port(Config *config, const char *kind, OptionItem *item, unsigned number, Chardev **chr, GError **error)
{
    g_autofree char *id = g_strdup_printf("%s%u", kind, number);

    if (strcmp(item->arg, "none") == 0) {
        return true;
    }
    *chr = chardev_new_short(id, item->arg, error);
    if (*chr && has_monitor(item->arg)) {
        add_monitor(config, item, *chr);
    }
    return *chr != NULL;
}

static unsigned serials, parallels;
static Chardev *serial_chardevs[MACHINE_SERIALS], *parallel_chardevs[MACHINE_PARALLELS];

static bool make_serial(Config *config, OptionItem *item, GError **error)
{
    Chardev *chr = NULL;
    bool ok = make_port(config, "serial", item, serials, &chr, error);

    if (serials < MACHINE_SERIALS) {
        serial_chardevs[serials] = chr;
    }
    serials++;
    return ok;
}

static bool make_parallel(Config *config, OptionItem *item, GError **error)
{
    if (strcmp(item->arg, "none") == 0) {
        return true;
    }
    if (parallels == MACHINE_PARALLELS) {
        return error_setf(error, "too many parallel ports");
    }
    parallels++;
    return make_port(config, "parallel", item, parallels - 1, &parallel_chardevs[parallels - 1], error);
}

/* -monitor, -qmp: the device is made now, the monitor when there is something to talk about. */
static unsigned compat_monitors;

static bool make_monitor_chardev(Config *config, OptionItem *item, GError **error)
{
    g_autofree char *id = NULL;
    Chardev *chr;

    if (item->opts) {
        return true; /* -mon names one that -chardev made */
    }
    if (g_str_has_prefix(item->arg, "chardev:")) {
        item->opts = json_new_object();
        json_set(item->opts, "chardev", json_new_string(item->arg + strlen("chardev:")));
        return true;
    }
    if (!item->control && strcmp(item->arg, "none") == 0) {
        return true;
    }
    id = g_strdup_printf("compat_monitor%u", compat_monitors++);
    chr = chardev_new_short(id, item->arg, error);
    if (!chr) {
        return false;
    }
    item->opts = json_new_object();
    json_set(item->opts, "chardev", json_new_string(chardev_id(chr)));
    return true;
}

static void add_default(Config *config, OptionKind kind, const char *option, const char *arg)
{
    OptionItem *item = g_new0(OptionItem, 1);

    item->text = g_strdup_printf("-%s %s", option, arg);
    item->arg = item->text + strlen(option) + 2;
    options_file(config, kind, item);
}

static bool device_given(Config *config, const char *driver)
{
    GPtrArray *items = config->items[OPT_DEVICE];

    for (guint i = 0; items && i < items->len; i++) {
        const OptionItem *item = items->pdata[i];

        if (strcmp(json_member_string(item->opts, "driver", ""), driver) == 0) {
            return true;
        }
    }
    return false;
}

static bool monitor_comes_with_serial(const Config *config)
{
    const GPtrArray *items = config->items[OPT_SERIAL];

    for (guint i = 0; items && i < items->len; i++) {
        if (has_monitor(((const OptionItem *)items->pdata[i])->arg)) {
            return true;
        }
    }
    return false;
}

/* What QEMU has without being asked: ports and a monitor on consoles, which nobody sees here. */
static void add_defaults(Config *config)
{
    bool serial = !config->items[OPT_SERIAL] && !device_given(config, "isa-serial");
    bool parallel = !config->items[OPT_PARALLEL] && !device_given(config, "isa-parallel");
    bool monitor = !config->items[OPT_MONITOR] && !monitor_comes_with_serial(config);

    if (config->no_defaults) {
        return;
    }
    if (parallel) {
        add_default(config, OPT_PARALLEL, "parallel", config->nographic ? "null" : "vc:80Cx24C");
    }
    if (config->nographic && serial && monitor) {
        add_default(config, OPT_SERIAL, "serial", "mon:stdio");
        return;
    }
    if (serial) {
        add_default(config, OPT_SERIAL, "serial", config->nographic ? "stdio" : "vc:80Cx24C");
    }
    if (monitor) {
        add_default(config, OPT_MONITOR, "monitor", config->nographic ? "stdio" : "vc:80Cx24C");
    }
}

static bool make_debugcon(Config *config)
{
    g_autofree char *text = g_strdup_printf("-debugcon %s", config->debugcon);
    OptionItem item = { .text = text };
    GError *error = NULL;
    Chardev *chr;

    if (!config->debugcon) {
        return true;
    }
    chr = chardev_new_short("debugcon", config->debugcon, &error);
    if (!chr) {
        return options_report(&item, error);
    }
    if (has_monitor(config->debugcon)) {
        add_monitor(config, &item, chr);
    }
    return true;
}

bool setup_chardevs(Config *config)
{
    add_defaults(config);
    if (config->daemonize) {
        chardev_no_stdio = "cannot use stdio with -daemonize";
    }
    return each(config, OPT_CHARDEV, make_chardev) && each(config, OPT_MONITOR, make_monitor_chardev) &&
           each(config, OPT_SERIAL, make_serial) && each(config, OPT_PARALLEL, make_parallel) && make_debugcon(config);
}

/* --- the machine --- */

static bool make_global(Config *config, OptionItem *item, GError **error)
{
    return global_parse(item->arg, error);
}

static bool make_object(Config *config, OptionItem *item, GError **error)
{
    return user_object_add_option(item->opts, item->json, error) != NULL;
}

static bool make_blockdev(Config *config, OptionItem *item, GError **error)
{
    return blockdev_add(item->opts, item->json, error);
}

static bool make_drive(Config *config, OptionItem *item, GError **error)
{
    return drive_add(item->opts, error);
}

static bool take_smbios(Config *config, OptionItem *item, GError **error)
{
    return smbios_add_option(item->opts, item->arg, error);
}

static bool make_fw_cfg(Config *config, OptionItem *item, GError **error)
{
    return fw_cfg_add_option(item->opts, error);
}

static bool make_device(Config *config, OptionItem *item, GError **error)
{
    return device_add(item->opts, item->json, error) != NULL;
}

/* Takes the accelerator; what is not there is said, and left to the next. False: its properties are wrong. */
static bool try_accel(const char *context, const char *name, const Json *properties, bool *chosen, unsigned *missing)
{
    GError *error = NULL;
    bool known = accel_is_known(name);

    log_set_context(context);
    if (accel_use(name, properties, &error)) {
        *chosen = true;
    } else {
        fail(error);
        ++*missing;
    }
    log_set_context(NULL);
    if (*chosen && *missing) {
        error_report("falling back to %s", name);
    }
    return *chosen || !known;
}

/* The first of -accel NAME -accel NAME, or of -machine accel=NAME:NAME, that is there. */
static bool choose_accel(Config *config)
{
    g_auto(GStrv) names = config->accel ? g_strsplit(config->accel, ":", -1) : NULL;
    const GPtrArray *items = config->items[OPT_ACCEL];
    unsigned missing = 0;
    bool chosen = false, ok = true;

    if (items && names) {
        error_report("The -accel and \"-machine accel=\" options are incompatible");
        return false;
    }
    for (guint i = 0; items && i < items->len && ok && !chosen; i++) {
        const OptionItem *item = items->pdata[i];

        ok = try_accel(item->text, json_member_string(item->opts, "accel", ""), item->opts, &chosen, &missing);
    }
    for (char **name = names; name && *name && ok && !chosen; name++) {
        ok = try_accel(NULL, *name, NULL, &chosen, &missing);
    }
    if (ok && names && !*names) {
        error_report("no accelerator found");
        return false;
    }
    return chosen || (ok && !missing);
}

static bool in_context_of_incoming(Config *config, bool ok, GError *error)
{
    if (!ok) {
        g_autofree char *text = g_strdup_printf("-incoming %s", config->incoming);

        log_set_context(text);
        fail(error);
        log_set_context(NULL);
    }
    return ok;
}

/* From here on the machine waits for a stream: images that are opened know it. */
static bool prepare_incoming(Config *config)
{
    GError *error = NULL;
    bool ok = !config->incoming || migration_incoming_prepare(config->incoming, &error);

    return in_context_of_incoming(config, ok, error);
}

/* The file of that name in the data directories; NULL: there is none. */
static char *find_data_file(Config *config, const char *name)
{
    for (const char *const *dir = options_data_dirs(config); *dir; dir++) {
        char *path = g_build_filename(*dir, name, NULL);

        if (access(path, R_OK) == 0) {
            return path;
        }
        g_free(path);
    }
    return NULL;
}

/* -bios NAME that is no file here is one of the data directories'. */
static void find_firmware(Config *config)
{
    const char *name = json_member_string(config->machine, "firmware", NULL);
    g_autofree char *path = name && access(name, R_OK) < 0 ? find_data_file(config, name) : NULL;

    if (path) {
        json_set(config->machine, "firmware", json_new_string(path));
    }
}

static bool create_machine(Config *config)
{
    GError *error = NULL;

    if (config->only_migratable) {
        migration_set_only_migratable();
    }
    if (config->uuid_set) {
        migration_set_uuid(config->uuid);
    }
    find_firmware(config);
    config->accel = NULL;               /* of the machine's options, too */
    json_remove(config->machine, "accel");
    if (!prepare_incoming(config)) {
        return false;
    }
    if (!migration_init(&error) || !machine_create(config->machine, &error)) {
        return fail(error);
    }
    current_machine->default_firmware = find_data_file(config, "bios-256k.bin");
    current_machine->mem_path = g_strdup(config->mem_path);
    current_machine->mem_prealloc = config->mem_prealloc;
    memcpy(current_machine->serial, serial_chardevs, sizeof(serial_chardevs));
    memcpy(current_machine->parallel, parallel_chardevs, sizeof(parallel_chardevs));
    current_machine->nographic = config->nographic;
    memcpy(current_machine->uuid, config->uuid, sizeof(config->uuid));
    current_machine->uuid_set = config->uuid_set;
    if (config->cpu) {
        g_autofree char *model = g_strndup(config->cpu, strcspn(config->cpu, ","));

        if (!x86_cpu_class_by_model(model)) {
            error_report("unable to find CPU model '%s'", model);
            return false;
        }
        current_machine->cpu_model = g_strdup(config->cpu);
    }
    return true;
}

static bool has_device(const Config *config, const char *driver)
{
    const GPtrArray *items = config->items[OPT_DEVICE];

    for (guint i = 0; items && i < items->len; i++) {
        const OptionItem *item = items->pdata[i];

        if (g_strcmp0(json_member_string(item->opts, "driver", NULL), driver) == 0) {
            return true;
        }
    }
    return false;
}

/* Who asks for a disk of the kind gets no CD-ROM drive by default. */
static void add_default_drives(const Config *config)
{
    if (!config->no_defaults) {
        drive_add_defaults(!has_device(config, "ide-cd") && !has_device(config, "ide-hd") &&
                           !has_device(config, "scsi-cd") && !has_device(config, "scsi-hd"));
    }
}

/* The devices that -drive if=virtio asks for. */
static bool make_drive_devices(void)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) options = g_ptr_array_new();
    g_autoptr(Json) list = drive_take_devices(options, &error);

    if (!list) {
        return fail(error);
    }
    for (size_t i = 0; i < json_count(list); i++) {
        if (!device_add(json_at(list, i), false, &error)) {
            g_prefix_error(&error, "%s: ", (const char *)options->pdata[i]);
            return fail(error);
        }
    }
    return true;
}

bool setup_machine(Config *config)
{
    GError *error = NULL;
    bool dumped;

    runstate_no_reboot = config->no_reboot;
    runstate_no_shutdown = config->no_shutdown;
    drive_snapshot_all = config->snapshot;
    if (!each(config, OPT_GLOBAL, make_global) || !choose_accel(config) || !create_machine(config) ||
        !each(config, OPT_OBJECT, make_object) || !each(config, OPT_BLOCKDEV, make_blockdev) ||
        !each(config, OPT_DRIVE, make_drive)) {
        return false;
    }
    add_default_drives(config);
    accel_prepare();
    if (!each(config, OPT_SMBIOS, take_smbios)) {
        return false;
    }
    if (!machine_init(current_machine, &error)) {
        return fail(error);
    }
    if (!each(config, OPT_FW_CFG, make_fw_cfg)) {
        return false;
    }
    if (!make_drive_devices() || !each(config, OPT_DEVICE, make_device)) {
        return false;
    }
    if (!machine_done(current_machine, &error)) {
        return fail(error);
    }
    global_warn_unused();
    if (!migration_machine_done(&error)) {
        return fail(error);
    }
    if (!machine_dump_dtb(current_machine, &dumped, &error)) {
        return fail(error);
    }
    config->done = config->done || dumped;
    if (config->dump_vmstate) {
        if (!migration_dump_vmstate(config->dump_vmstate, &error)) {
            return fail(error);
        }
        config->done = true;
    }
    return true;
}

/* --- monitors, and off --- */

static bool make_monitor(Config *config, OptionItem *item, GError **error)
{
    const char *id = item->opts ? json_member_string(item->opts, "chardev", NULL) : NULL;
    Chardev *chr;

    if (!id) {
        return true; /* -monitor none */
    }
    chr = chardev_find(id);
    if (!chr) {
        return error_setf(error, "chardev \"%s\" not found", id);
    }
    return monitor_new(chr, item->control, item->pretty, error);
}

static void terminate(void)
{
    system_shutdown_request(SHUTDOWN_CAUSE_HOST_UI);
}

bool setup_monitors(Config *config)
{
    chardev_terminate_hook = terminate;
    return each(config, OPT_MONITOR, make_monitor);
}

bool setup_run(Config *config)
{
    GError *error = NULL;

    if (config->qtest && !qtest_init(config->qtest, config->qtest_log, &error)) {
        return fail(error);
    }
    accel_start(config->icount);
    migration_set_autostart(!config->stopped);
    if (config->incoming) {
        bool ok = migration_incoming_begin(&error);

        return in_context_of_incoming(config, ok, error);
    }
    if (config->loadvm && !snapshot_load_at_start(config->loadvm, &error)) {
        return fail(error);
    }
    if (!config->stopped) {
        vm_start();
    }
    return true;
}

void setup_teardown(void)
{
    cpus_shutdown();
    migration_shutdown();
    monitor_close_all();
    block_close_all();
    chardev_close_all();
}
