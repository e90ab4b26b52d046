/* Which keys flat options take; query-command-line-options shows the same tables. */
#include <string.h>

#include "chardev/chardev.h"
#include "system/options.h"
#include "util/log.h"

#define S KEYVAL_STRING
#define B KEYVAL_BOOL
#define N KEYVAL_NUMBER
#define Z KEYVAL_SIZE

static const KeyvalOption machine_keys[] = {
    { "type", S, "emulated machine" },
    { "accel", S, "accelerator list" },
    { "kernel_irqchip", B, "use an in-kernel interrupt controller" },
    { "kernel", S, "Linux kernel image file" },
    { "initrd", S, "Linux initial ramdisk file" },
    { "append", S, "Linux kernel command line" },
    { "dtb", S, "Linux kernel device tree file" },
    { "dumpdtb", S, "write the machine's device tree to a file and end" },
    { "dt_compatible", S, "override of the \"compatible\" property of the device tree" },
    { "phandle_start", N, "first phandle ID" },
    { "dump-guest-core", B, "include guest memory in a core dump" },
    { "mem-merge", B, "let the host merge equal pages" },
    { "usb", B, "USB controller" },
    { "firmware", S, "firmware image" },
    { "iommu", B, "Intel IOMMU" },
    { "suppress-vmdesc", B, "leave the description out of the migration stream" },
    { "memory-backend", S, "id of the memory backend that is the RAM" },
};

static const KeyvalOption memory_keys[] = { { "size", Z }, { "slots", N }, { "maxmem", Z } };
static const KeyvalOption smp_keys[] = {
    { "cpus", N }, { "sockets", N }, { "dies", N }, { "clusters", N }, { "cores", N }, { "threads", N }, { "maxcpus", N },
};
static const KeyvalOption boot_keys[] = {
    { "order", S }, { "once", S }, { "menu", B }, { "splash", S }, { "splash-time", N }, { "reboot-timeout", N }, { "strict", B },
};
static const KeyvalOption name_keys[] = {
    { "guest", S, "name of the guest" },
    { "process", S, "name of the host process" },
    { "debug-threads", B, "name the threads" },
};
static const KeyvalOption rtc_keys[] = { { "base", S }, { "clock", S }, { "driftfix", S } };
static const KeyvalOption overcommit_keys[] = { { "mem-lock", B }, { "cpu-pm", B } };
static const KeyvalOption icount_keys[] = { { "shift", S }, { "align", S }, { "sleep", S }, { "rr", S }, { "rrfile", S }, { "rrsnapshot", S } };
static const KeyvalOption msg_keys[] = { { "timestamp", B }, { "guest-name", B } };
static const KeyvalOption sandbox_keys[] = {
    { "enable", B }, { "obsolete", S }, { "elevateprivileges", S }, { "spawn", S }, { "resourcecontrol", S },
};
static const KeyvalOption action_keys[] = { { "shutdown", S }, { "reboot", S }, { "panic", S }, { "watchdog", S } };
static const KeyvalOption mon_keys[] = { { "mode", S }, { "chardev", S }, { "pretty", B } };
static const KeyvalOption global_keys[] = { { "driver", S }, { "property", S }, { "value", S } };
static const KeyvalOption add_fd_keys[] = {
    { "fd", N, "file descriptor to add" },
    { "set", N, "ID of the set to add it to" },
    { "opaque", S, "text to describe it by" },
};
static const KeyvalOption trace_keys[] = { { "enable", S }, { "events", S }, { "file", S } };
static const KeyvalOption fw_cfg_keys[] = {
    { "name", S, "name of the file" },
    { "file", S, "host file with the contents" },
    { "string", S, "the contents themselves" },
    { "gen_id", S, "object that makes the contents" },
};
static const KeyvalOption drive_keys[] = {
    { "bus", N, "bus number" },
    { "unit", N, "unit number (LUN for scsi)" },
    { "index", N, "index number" },
    { "media", S, "media type (disk, cdrom)" },
    { "if", S, "interface (none, virtio)" },
    { "file", S, "file name" },
    { "read-only", B, "open the file read-only" },
    { "readonly", B, "the same" },
    { "rerror", S, "read error action" },
    { "werror", S, "write error action" },
    { "copy-on-read", B, "copy read data from the backing file" },
    { "node-name", S, "name of the node" },
    { "driver", S, "block driver" },
    { "cache", S, "none, writeback, writethrough, directsync, unsafe" },
    { "cache.direct", B, "bypass the page cache" },
    { "cache.no-flush", B, "ignore flush requests" },
    { "cache.writeback", B, "the guest sees a write cache" },
    { "auto-read-only", B, "use the file read-only if writing is not allowed" },
    { "discard", S, "discard operation (ignore/off, unmap/on)" },
    { "force-share", B, "always accept other writers" },
    { "snapshot", B, "write to a temporary file" },
    { "aio", S, "host AIO (threads, io_uring)" },
    { "format", S, "disk format (raw, …)" },
    { "detect-zeroes", S, "what to do about writes of zeroes (on, off, unmap)" },
    { "stats-account-invalid", B, "count invalid requests in the statistics" },
    { "stats-account-failed", B, "count failed requests in the statistics" },
    { "serial", S, "disk serial number" },
};

#define GROUP(name, option, keys) { name, option, keys, G_N_ELEMENTS(keys) }

static const OptionGroup groups[] = {
    GROUP("machine", "machine", machine_keys),
    GROUP("memory", "m", memory_keys),
    GROUP("smp-opts", "smp", smp_keys),
    GROUP("boot-opts", "boot", boot_keys),
    GROUP("name", "name", name_keys),
    GROUP("rtc", "rtc", rtc_keys),
    GROUP("overcommit", "overcommit", overcommit_keys),
    GROUP("icount", "icount", icount_keys),
    GROUP("msg", "msg", msg_keys),
    GROUP("sandbox", "sandbox", sandbox_keys),
    GROUP("action", "action", action_keys),
    GROUP("mon", "mon", mon_keys),
    GROUP("global", "global", global_keys),
    GROUP("add-fd", "add-fd", add_fd_keys),
    GROUP("trace", "trace", trace_keys),
    GROUP("drive", "drive", drive_keys),
    { "chardev", "chardev" },
    { "device", "device" },
    { "object", "object" },
    { "accel", "accel" },
    { "audiodev", "audiodev" },
    { "blockdev", "blockdev" },
    GROUP("fw_cfg", "fw_cfg", fw_cfg_keys),
    { "smbios", "smbios" },
    { "numa", "numa" },
};

static OptionGroup chardev_group(const OptionGroup *group)
{
    OptionGroup g = *group;

    g.keys = chardev_options(&g.count);
    return g;
}

const OptionGroup *option_group(const char *name)
{
    static OptionGroup chardev;

    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (strcmp(groups[i].name, name) == 0) {
            if (strcmp(name, "chardev") == 0) {
                chardev = chardev_group(&groups[i]);
                return &chardev;
            }
            return &groups[i];
        }
    }
    return NULL;
}

void option_groups_foreach(void (*fn)(const OptionGroup *group, void *opaque), void *opaque)
{
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        fn(option_group(groups[i].name), opaque);
    }
}

static void warn_flag(const char *flag, const char *instead)
{
    warn_report("short-form boolean option '%s' deprecated\nPlease use %s instead", flag, instead);
}

Json *option_parse_group(const char *arg, const char *name, const char *implied_key, GError **error)
{
    const OptionGroup *group = option_group(name);
    g_autoptr(Json) opts = keyval_parse_flat(arg, implied_key, warn_flag, error);

    if (!opts || (group->keys && !keyval_check(opts, group->keys, group->count, error))) {
        return NULL;
    }
    return g_steal_pointer(&opts);
}
