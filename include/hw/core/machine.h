/*
 * Machines: the object at /machine, its class per machine type and version, and what -machine, -m, -smp, … set.
 */
#ifndef HW_CORE_MACHINE_H
#define HW_CORE_MACHINE_H

#include "hw/core/device.h"
#include "hw/core/release.h"
#include "system/memory.h"

#define TYPE_MACHINE "machine"
OBJECT_DECLARE_TYPE(MachineState, MachineClass, MACHINE)

struct MachineClass {
    ObjectClass parent_class;
    const char *name;               /* "pc-q35-7.2" */
    const char *alias;              /* "q35" on the newest */
    const char *alias2;             /* "pc-7.2" */
    const char *desc;
    Release version;                /* {0}: unversioned ("none") */
    bool (*init)(MachineState *machine, GError **error);
    void (*reset)(MachineState *machine);   /* NULL: reset_machine() */
    unsigned max_cpus;
    const char *default_cpu_type;
    const char *default_ram_id;
    uint64_t default_ram_size;
    bool no_ram;                    /* none */
};

struct MachineState {
    Object parent_obj;
    uint64_t ram_size;
    char *ram_backend_id;           /* memory-backend= */
    MemoryRegion *ram;              /* the backend's or the default's region */
    char *cpu_model;                /* -cpu's text, NULL: the class's default */
    struct {
        unsigned cpus, sockets, dies, cores, threads, max_cpus;
    } smp;
    char *kernel, *initrd, *append, *firmware, *dumpdtb;
    bool suppress_vmdesc;
    OnOffAuto vmport, smm;
    /* switches of the q35 board */
    bool sata, smbus, hpet, pit, pic, i8042, usb, graphics, dump_guest_core, mem_merge;
    char *snapshot_dir;
};

extern MachineState *current_machine;   /* NULL before -M was looked at */

/* A machine class by name or alias, as far as this release has it. Error: unsupported machine type: "x", + "Use -machine help…". */
MachineClass *machine_find(const char *name, GError **error);
/* `-M help` as QEMU prints it. */
void machine_help(GString *out);
/* Calls fn for each that this release has, in -M help's order. */
void machine_foreach(void (*fn)(MachineClass *, void *), void *opaque);

/* "x,k=v,…" or a JSON object text: makes current_machine with its properties, rows chosen (compat_set_machine). */
bool machine_create(const char *option, GError **error);
/* RAM, then class->init. After this: -device. */
bool machine_init(MachineState *machine, GError **error);

#endif
