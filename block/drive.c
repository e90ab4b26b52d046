/*
 * -drive: one flat option text that makes a back end, the format node and the file node, and with snapshot=on an
 * overlay. Older than -blockdev, with words of its own for refusals.
 */
#include "block/drive.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "block/overlay.h"
#include "block/probe.h"
#include "util/error.h"
#include "util/keyval.h"
#include "util/log.h"

typedef struct DriveInfo {
    BlockBackend *blk;          /* a reference */
    DriveInterface interface;
    int bus, unit;
    char *addr;                 /* of the device that if=virtio makes; NULL: any */
    bool device_wanted, is_cdrom, is_default;
    char *text;                 /* the option, for a late refusal */
} DriveInfo;

/* What was taken off the options before the nodes are opened. */
typedef struct DriveArgs {
    char *id, *file, *format, *addr, *media, *cache, *rerror, *werror, *node_name;
    int interface, bus, unit;
    bool snapshot, read_only, write_cache;
    BlockdevOnError on_rerror, on_werror;
} DriveArgs;

bool drive_snapshot_all;
static GPtrArray *drives;       /* DriveInfo * */
static GHashTable *places;      /* place_of() -> DriveInfo */
static int free_place[DRIVE_INTERFACES];    /* of each interface: no place before this one (as an index) is free */

#define PLACE_MAX 0x3fff        /* of buses, units and indexes */

/* Indexed by DriveInterface. `per_bus`: units on a bus, 0: as many as there are. */
static const struct {
    const char *name;
    int per_bus;
} interfaces[] = {
    [DRIVE_IF_NONE] = { "none", 0 },     [DRIVE_IF_IDE] = { "ide", 1 }, [DRIVE_IF_SCSI] = { "scsi", 7 },
    [DRIVE_IF_FLOPPY] = { "floppy", 0 }, [DRIVE_IF_PFLASH] = { "pflash", 0 }, [DRIVE_IF_MTD] = { "mtd", 0 },
    [DRIVE_IF_SD] = { "sd", 0 },         [DRIVE_IF_VIRTIO] = { "virtio", 0 }, [DRIVE_IF_XEN] = { "xen", 0 },
};

/* A place as an index: what `index=` says of it, where units are not bounded by a bus of many. */
static int index_of(int interface, int bus, int unit)
{
    int per_bus = interfaces[interface].per_bus;
    return per_bus ? bus * per_bus + unit : unit;
}

static gpointer place_of(int interface, int bus, int unit)
{
    return GUINT_TO_POINTER((unsigned)interface << 28 | (unsigned)bus << 14 | (unsigned)unit);
}

static bool place_is_taken(int interface, int bus, int unit)
{
    return places && g_hash_table_contains(places, place_of(interface, bus, unit));
}

static void drive_args_clear(DriveArgs *args)
{
    g_free(args->id);
    g_free(args->file);
    g_free(args->format);
    g_free(args->addr);
    g_free(args->media);
    g_free(args->cache);
    g_free(args->rerror);
    g_free(args->werror);
    g_free(args->node_name);
}

void block_drive_free(DriveInfo *drive)
{
    g_ptr_array_remove(drives, drive);
    g_hash_table_remove(places, place_of(drive->interface, drive->bus, drive->unit));
    free_place[drive->interface] = MIN(free_place[drive->interface],
                                       index_of(drive->interface, drive->bus, drive->unit));
    drive->blk->drive = NULL;
    if (drive->blk->root && !drive->blk->device) {
        block_drain(drive->blk);
    }
    /* Whoever still holds the back end has it without a name: the name is free again. */
    block_backend_forget_name(drive->blk);
    block_backend_unref(drive->blk);
    g_free(drive->addr);
    g_free(drive->text);
    g_free(drive);
}

void block_drives_close(void)
{
    while (drives && drives->len) {
        block_drive_free(drives->pdata[drives->len - 1]);
    }
    g_clear_pointer(&drives, g_ptr_array_unref);
    g_clear_pointer(&places, g_hash_table_unref);
}

/* Where it sits, and what it is called if it has no id */

static bool take_interface(BlockOptions *opts, DriveArgs *args, GError **error)
{
    g_autofree char *name = NULL;
    args->interface = DRIVE_IF_IDE;
    if (!options_string(opts, "if", &name, error) || !name) {
        return *error == NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(interfaces); i++) {
        if (!strcmp(interfaces[i].name, name)) {
            args->interface = i;
            return true;
        }
    }
    return error_setf(error, "unsupported bus type '%s'", name);
}

/* The first free unit from the bus on. On bus 0 the search goes on where the last one ended. */
static bool find_unit(DriveArgs *args, GError **error)
{
    int per_bus = interfaces[args->interface].per_bus;
    int from = args->bus == 0 ? free_place[args->interface] : args->bus * per_bus;
    for (int i = from; i <= PLACE_MAX; i++) {
        int bus = per_bus ? i / per_bus : args->bus, unit = per_bus ? i % per_bus : i;
        if (!place_is_taken(args->interface, bus, unit)) {
            if (args->bus == 0) {
                free_place[args->interface] = i;
            }
            args->bus = bus;
            args->unit = unit;
            return true;
        }
    }
    return error_setf(error, "too many drives with if=%s", interfaces[args->interface].name);
}

static bool take_place(BlockOptions *opts, DriveArgs *args, GError **error)
{
    int per_bus = interfaces[args->interface].per_bus;
    uint64_t index = UINT64_MAX, bus = 0, unit = UINT64_MAX;
    bool has_index = json_has(opts->json, "index");
    if (has_index && (json_has(opts->json, "bus") || json_has(opts->json, "unit"))) {
        return error_setf(error, "index cannot be used with bus and unit");
    }
    if (!options_uint(opts, "index", &index, error) || !options_uint(opts, "bus", &bus, error) ||
        !options_uint(opts, "unit", &unit, error)) {
        return false;
    }
    if ((has_index && index > PLACE_MAX) || bus > PLACE_MAX || (unit != UINT64_MAX && unit > PLACE_MAX)) {
        return error_setf(error, "drive with bus=%d, unit=%d (index=%d) is beyond what a machine has", (int)bus,
                          (int)unit, (int)index);
    }
    args->bus = bus;
    args->unit = unit == UINT64_MAX ? -1 : (int)unit;
    if (has_index) {
        args->bus = per_bus ? index / per_bus : 0;
        args->unit = per_bus ? index % per_bus : index;
    }
    if (args->unit < 0 && !find_unit(args, error)) {
        return false;
    }
    if (per_bus && args->unit >= per_bus) {
        return error_setf(error, "unit %d too big (max is %d)", args->unit, per_bus - 1);
    }
    if (place_is_taken(args->interface, args->bus, args->unit)) {
        return error_setf(error, "drive with bus=%d, unit=%d (index=%d) exists", args->bus, args->unit,
                          index_of(args->interface, args->bus, args->unit));
    }
    return true;
}

static bool take_id(BlockOptions *opts, DriveArgs *args, GError **error)
{
    if (!options_string(opts, "id", &args->id, error)) {
        return false;
    }
    if (!args->id) {
        const char *interface = interfaces[args->interface].name;
        bool disc = args->media && !strcmp(args->media, "cdrom");
        bool named_by_medium = args->interface == DRIVE_IF_IDE || args->interface == DRIVE_IF_SCSI;
        const char *medium = named_by_medium ? (disc ? "-cd" : "-hd") : "";
        args->id = interfaces[args->interface].per_bus
                       ? g_strdup_printf("%s%d%s%d", interface, args->bus, medium, args->unit)
                       : g_strdup_printf("%s%s%d", interface, medium, args->unit);
    } else if (!keyval_check_id("id", args->id, error)) {
        return false;
    }
    if (block_backend_by_name(args->id)) {
        return error_setf(error, "Duplicate ID '%s' for drive", args->id);
    }
    if (block_node_find(args->id) || !g_strcmp0(args->node_name, args->id)) {
        return error_setf(error, "Device name '%s' conflicts with an existing node name", args->id);
    }
    return true;
}

/* Policies */

static bool parse_on_error(const char *text, bool is_read, BlockdevOnError *policy, GError **error)
{
    if (!text) {
        *policy = BLOCKDEV_ON_ERROR_AUTO;
    } else if (!strcmp(text, "ignore")) {
        *policy = BLOCKDEV_ON_ERROR_IGNORE;
    } else if (!strcmp(text, "enospc") && !is_read) {
        *policy = BLOCKDEV_ON_ERROR_ENOSPC;
    } else if (!strcmp(text, "stop")) {
        *policy = BLOCKDEV_ON_ERROR_STOP;
    } else if (!strcmp(text, "report")) {
        *policy = BLOCKDEV_ON_ERROR_REPORT;
    } else {
        return error_setf(error, "'%s' invalid %s error action", text, is_read ? "read" : "write");
    }
    return true;
}

static void set_default(Json *flat, const char *key, const char *value)
{
    if (!json_has(flat, key)) {
        json_set(flat, key, json_new_string(value));
    }
}

/* cache=MODE is short for the three options that -blockdev has. */
static bool expand_cache(Json *flat, DriveArgs *args, GError **error)
{
    static const struct {
        const char *mode;
        bool direct, no_flush, writeback;
    } modes[] = {
        { "none", true, false, true },          { "off", true, false, true },    { "writeback", false, false, true },
        { "writethrough", false, false, false }, { "directsync", true, false, false }, { "unsafe", false, true, true },
    };
    bool writeback = true;
    if (args->cache) {
        unsigned i = 0;
        while (i < G_N_ELEMENTS(modes) && strcmp(modes[i].mode, args->cache)) {
            i++;
        }
        if (i == G_N_ELEMENTS(modes)) {
            return error_setf(error, "invalid cache option");
        }
        set_default(flat, "cache.direct", modes[i].direct ? "on" : "off");
        set_default(flat, "cache.no-flush", modes[i].no_flush ? "on" : "off");
        writeback = modes[i].writeback;
    }
    args->write_cache = writeback;
    return true;
}

static bool take_args(BlockOptions *opts, DriveArgs *args, GError **error)
{
    Json *flat = opts->json;
    g_autofree char *driver = NULL;
    args->snapshot = drive_snapshot_all;

    if (json_has(flat, "readonly")) {
        if (json_has(flat, "read-only")) {
            return error_setf(error, "'read-only' and its alias 'readonly' can't be used at the same time");
        }
        json_set(flat, "read-only", json_ref(json_member(flat, "readonly")));
        json_remove(flat, "readonly");
    }
    if (!options_string(opts, "media", &args->media, error) || !take_interface(opts, args, error) ||
        !options_string(opts, "file", &args->file, error) || !options_string(opts, "format", &args->format, error) ||
        !options_string(opts, "driver", &driver, error) || !options_string(opts, "addr", &args->addr, error) ||
        !options_string(opts, "cache", &args->cache, error) || !options_string(opts, "rerror", &args->rerror, error) ||
        !options_string(opts, "werror", &args->werror, error) ||
        !options_bool(opts, "snapshot", &args->snapshot, error)) {
        return false;
    }
    args->node_name = g_strdup(json_member_string(flat, "node-name", NULL));
    if (driver && args->format) {
        return error_setf(error, "Cannot specify both 'driver' and 'format'");
    }
    if (driver) {
        args->format = g_steal_pointer(&driver);
    }
    if (args->media && strcmp(args->media, "disk") && strcmp(args->media, "cdrom")) {
        return error_setf(error, "'%s' invalid media", args->media);
    }
    if (args->media && !strcmp(args->media, "cdrom")) {
        json_set(flat, "read-only", json_new_string("on"));
    }
    bool copy_on_read = false;
    if (!take_place(opts, args, error) || !take_id(opts, args, error) || !expand_cache(flat, args, error) ||
        !options_bool(opts, "cache.writeback", &args->write_cache, error) ||
        !options_bool(opts, "copy-on-read", &copy_on_read, error) ||
        !parse_on_error(args->rerror, true, &args->on_rerror, error) ||
        !parse_on_error(args->werror, false, &args->on_werror, error)) {
        return false;
    }
    if (copy_on_read && !strcmp(json_member_string(flat, "read-only", "off"), "on")) {
        warn_report("disabling copy-on-read on read-only drive");
        return true;
    }
    return !copy_on_read || error_setf(error, "copy-on-read is not supported");
}

/* Nodes */

bool drive_parse_filename(const char *file, const char **driver, const char **filename, GError **error)
{
    const char *colon = strchr(file, ':'), *slash = strchr(file, '/');
    *filename = file;
    if (!colon || (slash && slash < colon)) {
        struct stat st;
        bool device = stat(file, &st) == 0 && (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode));
        *driver = device ? "host_device" : "file";
        return true;
    }
    g_autofree char *protocol = g_strndup(file, colon - file);
    const BlockDriver *found = block_driver_find(protocol);
    if (!found || !found->protocol) {
        return error_setf(error, "Unknown protocol '%s'", protocol);
    }
    *driver = found->name;
    if (!strcmp(protocol, "file") || !strcmp(protocol, "host_device")) {
        *filename = colon + 1;
    }
    return true;
}

/* The options of the node tree. NULL without error: the drive is empty. */
static Json *node_options(Json *flat, const DriveArgs *args, GError **error)
{
    bool has_file = args->file && *args->file;
    g_autofree char *aio = g_strdup(json_member_string(flat, "aio", NULL));
    const BlockDriver *format = args->format ? block_driver_find(args->format) : NULL;
    const char *driver = NULL, *filename = NULL;

    if (args->format && !format) {
        error_setf(error, "Unknown driver '%s'", args->format);
        return NULL;
    }
    if (has_file && !drive_parse_filename(args->file, &driver, &filename, error)) {
        return NULL;
    }
    json_remove(flat, "aio");
    set_default(flat, "auto-read-only", "on");
    g_autoptr(Json) tree = options_unflatten(flat, error);
    if (!tree) {
        return NULL;
    }
    Json *file = tree;
    if (!format || !format->protocol) {
        file = json_member(tree, "file");
        if (!file && (has_file || aio)) {
            file = json_new_object();
            json_set(tree, "file", file);
        }
        if (!file && !args->format) {
            error_setf(error, "Must specify either driver or file");
            return NULL;
        }
        json_set(tree, "driver", json_new_string("raw"));
    } else {
        json_set(tree, "driver", json_new_string(format->name));
    }
    if (has_file) {
        json_set(file, "filename", json_new_string(filename));
    }
    if (file && file != tree && !json_has(file, "driver")) {
        const char *name = json_member_string(file, "filename", NULL);
        if (!driver && (!name || !drive_parse_filename(name, &driver, &filename, error))) {
            if (!name) {
                error_setf(error, "Must specify either driver or file");
            }
            return NULL;
        }
        json_set(file, "driver", json_new_string(driver));
    }
    if (aio) {
        json_set(file, "aio", json_new_string(aio));
    }
    return json_ref(tree);
}

static void warn_probed(const char *file)
{
    fprintf(stderr,
            "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
            "         Automatically detecting the format is dangerous for raw images, write operations on block 0 will "
            "be restricted.\n"
            "         Specify the 'raw' format explicitly to remove the restrictions.\n", file);
}

static BlockNode *open_nodes(Json *tree, const DriveArgs *args, GError **error)
{
    g_autoptr(BlockOptions) opts = options_new(json_ref(tree), OPTIONS_DRIVE, "");
    bool read_only = false;
    if (args->snapshot) {
        /* The overlay takes the writes, and the node's name. */
        if (!options_bool(opts, "read-only", &read_only, error)) {
            return NULL;
        }
        json_set(tree, "read-only", json_new_string("on"));
        json_remove(tree, "node-name");
    }
    BlockNode *node = block_node_open(opts, NULL, error);
    if (node && !args->format) {
        const char *format = probe_node(node);
        if (format) {
            error_setf(error, "Unknown driver '%s'", format);
            block_node_unref(node);
            return NULL;
        }
        node->probed = true;
        g_autofree char *name = block_node_filename(node);
        warn_probed(args->file && *args->file ? args->file : name);
    }
    return node && args->snapshot ? overlay_new(node, args->node_name, read_only, error) : node;
}

static bool says_what_to_open(const char *key, Json *value, void *opaque)
{
    static const char *const modes[] = { "read-only", "auto-read-only", "discard", "detect-zeroes", "cache.direct",
                                         "cache.no-flush", NULL };
    bool *found = opaque;
    *found = !g_strv_contains(modes, key);
    return !*found;
}

/* What -drive accepts with nothing but a place, a name and modes: a drive without a medium. */
static bool is_empty(const Json *flat, const DriveArgs *args)
{
    bool found = false;
    json_foreach(flat, says_what_to_open, &found);
    return !args->format && !(args->file && *args->file) && !found;
}

static bool open_drive(Json *flat, const DriveArgs *args, GError **error)
{
    BlockNode *node = NULL;
    if (!is_empty(flat, args)) {
        g_autoptr(Json) tree = node_options(flat, args, error);
        node = tree ? open_nodes(tree, args, error) : NULL;
        if (!node) {
            return false;
        }
    }
    BlockBackend *blk = block_backend_new(args->id);
    if (node && !block_backend_insert(blk, node, error)) {
        block_backend_unref(blk);
        return false;
    }
    blk->rerror = args->on_rerror;
    blk->werror = args->on_werror;
    blk->write_cache = args->write_cache;
    DriveInfo *drive = g_new(DriveInfo, 1);
    *drive = (DriveInfo){
        .blk = blk, .interface = args->interface, .bus = args->bus, .unit = args->unit, .addr = g_strdup(args->addr),
        .device_wanted = args->interface != DRIVE_IF_NONE,
        .is_cdrom = args->media && !strcmp(args->media, "cdrom"),
    };
    blk->drive = drive;
    if (!drives) {
        drives = g_ptr_array_new();
        places = g_hash_table_new(NULL, NULL);
    }
    g_ptr_array_add(drives, drive);
    g_hash_table_insert(places, place_of(drive->interface, drive->bus, drive->unit), drive);
    return true;
}

bool drive_add(Json *json, GError **error)
{
    g_autoptr(BlockOptions) opts = options_new(json_copy(json), OPTIONS_DRIVE, "");
    DriveArgs args = { 0 };
    GError *local = NULL;
    bool ok = take_args(opts, &args, &local) && open_drive(opts->json, &args, &local);
    if (ok) {
        const char *context = log_context();    /* "-cdrom x" */
        g_autofree char *options = context ? NULL : keyval_text(json);
        ((DriveInfo *)drives->pdata[drives->len - 1])->text =
            context ? g_strdup(context) : g_strdup_printf("-drive %s", options);
    } else {
        g_propagate_error(error, local);
    }
    drive_args_clear(&args);
    return ok;
}

const char *drive_take_ide(unsigned bus, bool *is_cdrom)
{
    DriveInfo *drive = places && bus <= PLACE_MAX ? g_hash_table_lookup(places, place_of(DRIVE_IF_IDE, bus, 0)) : NULL;
    if (!drive || !drive->device_wanted) {
        return NULL;
    }
    drive->device_wanted = false;
    *is_cdrom = drive->is_cdrom;
    return drive->blk->name;
}

static void add_default(const char *interface, const char *index, const char *media)
{
    g_autoptr(Json) opts = json_new_object();
    json_set(opts, "if", json_new_string(interface));
    json_set(opts, "index", json_new_string(index));
    if (media) {
        json_set(opts, "media", json_new_string(media));
    }
    if (drive_add(opts, NULL)) {
        ((DriveInfo *)drives->pdata[drives->len - 1])->is_default = true;
    }
}

void drive_add_defaults(bool cdrom)
{
    if (cdrom && !place_is_taken(DRIVE_IF_IDE, 2, 0)) {
        add_default("ide", "2", "cdrom");
    }
    if (!place_is_taken(DRIVE_IF_SD, 0, 0)) {
        add_default("sd", "0", NULL);
    }
}

Json *drive_take_devices(GPtrArray *options, GError **error)
{
    g_autoptr(Json) devices = json_new_array();
    for (unsigned i = 0; drives && i < drives->len; i++) {
        DriveInfo *drive = drives->pdata[i];
        if (!drive->device_wanted || drive->is_default) {
            continue;
        }
        if (drive->interface != DRIVE_IF_VIRTIO) {
            error_setf(error, "%s: machine type does not support if=%s,bus=%d,unit=%d", drive->text,
                       interfaces[drive->interface].name, drive->bus, drive->unit);
            return NULL;
        }
        Json *device = json_new_object();
        json_set(device, "driver", json_new_string("virtio-blk-pci"));
        json_set(device, "drive", json_new_string(drive->blk->name));
        if (drive->addr) {
            json_set(device, "addr", json_new_string(drive->addr));
        }
        json_append(devices, device);
        if (options) {
            g_ptr_array_add(options, drive->text);
        }
        drive->device_wanted = false;
    }
    return g_steal_pointer(&devices);
}
