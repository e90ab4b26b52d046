/*
 * Machines: the object at /machine, its class per machine type and version, and what -machine, -m, -smp, … set.
 *
 * The order at start: machine_create() makes the object with its options and chooses the compat rows (-global comes
 * before it, objects and drives may come before or after); machine_init() makes RAM, the board and its devices; then
 * come the user's devices, and machine_done() when all cold-plugged ones are there.
 */
#ifndef HW_CORE_MACHINE_H
#define HW_CORE_MACHINE_H

#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "hw/core/release.h"
#include "system/memory.h"

#define MACHINE_SERIALS 4
#define MACHINE_PARALLELS 3

#define TYPE_MACHINE "machine"
OBJECT_DECLARE_TYPE(MachineState, MachineClass, MACHINE)

struct MachineClass {
    ObjectClass parent_class;
    const char *name;               /* "pc-q35-7.2" */
    const char *alias;              /* "q35" on the newest */
    const char *alias2;             /* "pc-7.2": accepted, not listed */
    const char *desc;
    const char *family;             /* "pc_q35": those of a family are listed newest first */
    Release version;                /* {0}: unversioned ("none") */
    bool is_default;                /* without -M */
    bool (*init)(MachineState *machine, GError **error);
    bool (*done)(MachineState *machine, GError **error);    /* all cold-plugged devices are there; may be NULL */
    bool (*dump_dtb)(MachineState *machine, const char *file, GError **error);  /* NULL: it has no device tree */
    unsigned max_cpus;
    const char *default_cpu_type;
    const char *default_ram_id;     /* "pc.ram"; NULL: no RAM unless asked for */
    uint64_t default_ram_size;
    bool prefer_sockets;            /* -smp without a topology: sockets before cores (before 6.2) */
    bool has_acpi, hotpluggable_cpus, numa_mem_supported;   /* for query-machines */
};

/* Of the -smp option after the checks: cpus up to max_cpus = sockets * dies * clusters * cores * threads. */
typedef struct CpuTopology {
    unsigned cpus, sockets, dies, clusters, cores, threads, max_cpus;
} CpuTopology;

struct MachineState {
    Object parent_obj;
    uint64_t ram_size, maxram_size;
    uint64_t ram_slots;
    bool ram_size_given;            /* by -m, and not 0 */
    char *ram_backend_id;           /* memory-backend= */
    Object *ram_backend;            /* taken by machine_init() */
    MemoryRegion *ram;              /* its region; NULL: no RAM */
    char *mem_path;                 /* -mem-path: set by the caller before machine_init() */
    bool mem_prealloc;              /* -mem-prealloc */
    char *default_firmware;         /* the file that is used without -bios, NULL: none is installed; set likewise */
    char *cpu_model;                /* -cpu's text, NULL: the class's default */
    CpuTopology smp;
    bool nographic;                 /* -nographic; and -uuid, both set by the caller */
    uint8_t uuid[16];
    bool uuid_set;
    Json *boot;                     /* -boot's members: "order", "once", "menu", "strict", "splash", …, as JSON types */
    char *kernel, *initrd, *append, *dtb, *dumpdtb, *dt_compatible, *firmware, *memory_encryption, *cgs;
    int64_t phandle_start;
    /* -serial and -parallel, by place; NULL: none there. Set by the caller before machine_init() */
    Chardev *serial[MACHINE_SERIALS], *parallel[MACHINE_PARALLELS];
    bool suppress_vmdesc, usb, graphics, dump_guest_core, mem_merge;
    char *snapshot_dir;             /* snapshot-dir=: where savevm keeps its states; NULL: beside the first disk */
    bool initialized;               /* machine_init() is through */
};

extern MachineState *current_machine;   /* NULL before machine_create() */

/* A machine class by name or alias, as far as this release has it; NULL name: the default one.
 * Error: unsupported machine type: "x", and on a second line "Use -machine help to list supported machines". */
MachineClass *machine_find(const char *name, GError **error);
/* `-M help`, and `-M x,help`, as QEMU prints them. */
void machine_help(GString *out);
void machine_help_options(MachineClass *mc, GString *out);
/* Calls fn for each that this release has, in -M help's order (an alias is no machine of its own). */
void machine_foreach(void (*fn)(MachineClass *, void *), void *opaque);

/*
 * Makes current_machine of the type options["type"] (absent: the default) with the other members as its properties;
 * texts are parsed, JSON values taken as they are. Nested: {"smp": {"cpus": "4"}, "memory": {"size": "1G", "slots": …,
 * "max-size": …}, "boot": {"order": "c"}}; a size without a suffix counts bytes (so that -m 512 is "512M" here). -m,
 * -smp, -kernel and so on are such members; "accel" is the caller's to take out.
 * Chooses the rows of the machine type's compat history. Nothing is left behind on an error.
 */
bool machine_create(const Json *options, GError **error);
/* Checks that CPUs and memory were asked for as this machine can have them; RAM, then class->init. After this: -device. */
bool machine_init(MachineState *machine, GError **error);
/* All cold-plugged devices are there: what comes from now on is hot-plugged. Ends with the first reset. */
bool machine_done(MachineState *machine, GError **error);
/* dumpdtb=: writes the file, if one was asked for, and tells that the program is to end then. After machine_done(). */
bool machine_dump_dtb(MachineState *machine, bool *dumped, GError **error);

#endif
