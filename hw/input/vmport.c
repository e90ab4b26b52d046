#include "hw/input/vmport.h"

#include "hw/core/machine.h"
#include "target/i386/cpu.h"
#include "util/byteorder.h"
#include "util/trace.h"

#define VMPORT_ADDRESS 0x5658

enum { CMD_GET_VERSION = 0x0a, CMD_GET_UUID = 0x13, CMD_GET_RAM_SIZE = 0x14, CMD_GET_HZ = 0x2d, CMD_GET_VCPU_INFO = 0x44 };
enum { COMPAT_READ_SET_EAX_BIT, COMPAT_SIGNAL_UNSUPPORTED_BIT, COMPAT_REPORT_TYPE_BIT, COMPAT_CMDS_V2_BIT };
#define COMPAT(s, name) ((s)->compat_flags >> COMPAT_##name##_BIT & 1)
#define VCPU_INFO_LEGACY_X2APIC 0x08
#define RAM_SIZE_MARK 0x1177

struct VMPort {
    ISADevice parent_obj;
    /* set by the user */
    uint32_t compat_flags, version;
    uint8_t type;
    /* derived */
    struct {
        VMPortCommand fn;
        void *opaque;
    } commands[VMPORT_COMMANDS];
    MemoryRegion io;
};

void vmport_register(VMPort *s, uint8_t command, VMPortCommand fn, void *opaque)
{
    g_assert(!s->commands[command].fn);
    s->commands[command].fn = fn;
    s->commands[command].opaque = opaque;
}

/* The registers of the CPU whose access this is; NULL: no CPU's. */
static uint64_t *registers(void)
{
    X86CPU *cpu = x86_cpu_current();

    return cpu ? x86_cpu_live_registers(cpu) : NULL;
}

static uint64_t run(VMPort *s, uint64_t *regs)
{
    uint32_t eax = regs[R_EAX];
    uint8_t command = regs[R_ECX];

    trace(vmport_command, "eax %#x command %#x", eax, command);
    if (eax != VMPORT_MAGIC || !s->commands[command].fn) {
        return COMPAT(s, SIGNAL_UNSUPPORTED) ? UINT32_MAX : eax;
    }
    return s->commands[command].fn(s->commands[command].opaque, regs);
}

static uint64_t vmport_read(void *opaque, hwaddr offset, unsigned size)
{
    VMPort *s = opaque;
    uint64_t *regs = registers(), eax;

    if (!regs) {
        return UINT32_MAX;
    }
    eax = run(s, regs);
    if (COMPAT(s, READ_SET_EAX)) {
        regs[R_EAX] = eax;      /* whatever the width of the access */
    }
    return eax;
}

static void vmport_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    VMPort *s = opaque;
    uint64_t *regs = registers();

    if (regs) {
        regs[R_EAX] = run(s, regs);
    }
}

static const MemoryRegionOps vmport_ops = {
    .read = vmport_read, .write = vmport_write, .valid = { 1, 4, .beyond_end = true }, .impl = { 1, 4 },
};

/* Commands. */
static uint32_t get_version(void *opaque, uint64_t *regs)
{
    VMPort *s = opaque;

    regs[R_EBX] = VMPORT_MAGIC;
    if (COMPAT(s, REPORT_TYPE)) {
        regs[R_ECX] = s->type;
    }
    return s->version;
}

static uint32_t get_ram_size(void *opaque, uint64_t *regs)
{
    regs[R_EBX] = RAM_SIZE_MARK;
    return current_machine->ram_size;
}

static uint32_t get_uuid(void *opaque, uint64_t *regs)
{
    static const int order[4] = { R_EAX, R_EBX, R_ECX, R_EDX };

    for (int i = 0; i < 4; i++) {
        regs[order[i]] = load_le32(current_machine->uuid + 4 * i);
    }
    return regs[R_EAX];
}

/* Not told: the TSC's frequency is the host's. */
static uint32_t get_hz(void *opaque, uint64_t *regs)
{
    regs[R_EBX] = UINT32_MAX;
    return VMPORT_MAGIC;
}

static uint32_t get_vcpu_info(void *opaque, uint64_t *regs)
{
    uint32_t leaf[4];

    x86_cpuid(x86_cpu_current(), 1, 0, leaf);
    return leaf[2] >> 21 & 1 ? VCPU_INFO_LEGACY_X2APIC : 0;
}

static bool vmport_realize(DeviceState *dev, GError **error)
{
    VMPort *s = VMPORT(dev);

    memory_region_init_io(&s->io, OBJECT(dev), &vmport_ops, s, "vmport", 1);
    isa_register_io(&s->parent_obj, &s->io, VMPORT_ADDRESS);
    vmport_register(s, CMD_GET_VERSION, get_version, s);
    vmport_register(s, CMD_GET_RAM_SIZE, get_ram_size, s);
    if (COMPAT(s, CMDS_V2)) {
        vmport_register(s, CMD_GET_UUID, get_uuid, s);
        vmport_register(s, CMD_GET_HZ, get_hz, s);
        vmport_register(s, CMD_GET_VCPU_INFO, get_vcpu_info, s);
    }
    return true;
}

static void vmport_unrealize(DeviceState *dev)
{
    VMPort *s = VMPORT(dev);

    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static const Property vmport_props[] = {
    DEFINE_PROP_BIT("x-read-set-eax", VMPort, compat_flags, COMPAT_READ_SET_EAX_BIT, true),
    DEFINE_PROP_BIT("x-signal-unsupported-cmd", VMPort, compat_flags, COMPAT_SIGNAL_UNSUPPORTED_BIT, true),
    DEFINE_PROP_BIT("x-report-vmx-type", VMPort, compat_flags, COMPAT_REPORT_TYPE_BIT, true),
    DEFINE_PROP_BIT("x-cmds-v2", VMPort, compat_flags, COMPAT_CMDS_V2_BIT, true),
    DEFINE_PROP_UINT32("vmware-vmx-version", VMPort, version, 6),
    DEFINE_PROP_UINT8("vmware-vmx-type", VMPort, type, 2),
};

static void vmport_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = vmport_realize;
    dc->unrealize = vmport_unrealize;
    dc->user_creatable = false;
    object_class_add_props(klass, vmport_props, G_N_ELEMENTS(vmport_props));
}

VMPort *vmport_new(ISABus *bus)
{
    DeviceState *dev = device_new(TYPE_VMPORT);
    bool ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);

    g_assert(ok);
    return VMPORT(dev);
}

static const TypeInfo vmport_type = {
    .name = TYPE_VMPORT, .parent = TYPE_ISA_DEVICE, .size = sizeof(VMPort), .class_init = vmport_class_init,
};
TYPE_REGISTER(vmport_type)
