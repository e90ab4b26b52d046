/*
 * The TPR patching helper of QEMU's PCs (port 0x7e). Its option ROM speeds a guest's TPR accesses up under KVM; nothing here
 * needs it. Its state is held for a guest that comes from there and goes on to there.
 */
#include "hw/intc/kvmvapic.h"

#include "migration/vmstate.h"
#include "util/error.h"
#include "util/log.h"

enum { VAPIC_PORT = 0x7e };

typedef struct VAPICHandlers {
    uint32_t set_tpr, set_tpr_eax, get_tpr[8], get_tpr_stack;
} VAPICHandlers;

typedef struct GuestROMState {
    uint32_t vaddr, fixup_start, fixup_end, vapic_vaddr, vapic_size, vcpu_shift, real_tpr_addr;
    VAPICHandlers up, mp;
} GuestROMState;

struct KVMVAPICState {
    DeviceState parent_obj;
    GuestROMState rom_state;
    uint32_t state, real_tpr_addr, rom_state_vaddr, vapic_paddr, rom_state_paddr;
    MemoryRegion io;
};

static uint64_t vapic_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0xffffffff;
}

static void vapic_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    log_unimp("kvmvapic: write of %u bytes: accesses to the TPR are not patched\n", size);
}

static const MemoryRegionOps vapic_ops = { .read = vapic_read, .write = vapic_write, .valid = { .min = 1, .max = 4 } };

static bool vapic_realize(DeviceState *dev, GError **error)
{
    KVMVAPICState *s = KVM_VAPIC(dev);

    memory_region_init_io(&s->io, OBJECT(dev), &vapic_ops, s, "kvmvapic", 2);
    memory_region_add(memory_io(), VAPIC_PORT, &s->io);
    return true;
}

static void vapic_unrealize(DeviceState *dev)
{
    KVMVAPICState *s = KVM_VAPIC(dev);

    memory_region_del(memory_io(), &s->io);
    memory_region_destroy(&s->io);
}

static void vapic_reset(DeviceState *dev)
{
    KVMVAPICState *s = KVM_VAPIC(dev);

    s->state = s->vapic_paddr = s->rom_state_paddr = 0;
}

static const VMStateDescription vmstate_handlers = {
    .name = "kvmvapic-handlers",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U32(VAPICHandlers, set_tpr), VMS_U32(VAPICHandlers, set_tpr_eax), VMS_U32_ARRAY(VAPICHandlers, get_tpr),
        VMS_U32(VAPICHandlers, get_tpr_stack)),
};

static const VMStateDescription vmstate_guest_rom = {
    .name = "kvmvapic-guest-rom",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_UNUSED(8), VMS_U32(GuestROMState, vaddr), VMS_U32(GuestROMState, fixup_start),
        VMS_U32(GuestROMState, fixup_end), VMS_U32(GuestROMState, vapic_vaddr), VMS_U32(GuestROMState, vapic_size),
        VMS_U32(GuestROMState, vcpu_shift), VMS_U32(GuestROMState, real_tpr_addr),
        VMS_STRUCT(GuestROMState, up, vmstate_handlers), VMS_STRUCT(GuestROMState, mp, vmstate_handlers)),
};

static const VMStateDescription vmstate_vapic = {
    .name = "kvm-tpr-opt",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_STRUCT(KVMVAPICState, rom_state, vmstate_guest_rom), VMS_U32(KVMVAPICState, state),
        VMS_U32(KVMVAPICState, real_tpr_addr), VMS_U32(KVMVAPICState, rom_state_vaddr),
        VMS_U32(KVMVAPICState, vapic_paddr), VMS_U32(KVMVAPICState, rom_state_paddr)),
};

static void vapic_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = vapic_realize;
    dc->unrealize = vapic_unrealize;
    dc->reset.enter = vapic_reset;
    dc->vmsd = &vmstate_vapic;
    dc->user_creatable = false;
}

bool kvmvapic_new(GError **error)
{
    return device_realize_and_unref(device_new(TYPE_KVM_VAPIC), bus_main_system(), error);
}

static const TypeInfo vapic_type = {
    .name = TYPE_KVM_VAPIC,
    .parent = TYPE_DEVICE,
    .size = sizeof(KVMVAPICState),
    .class_init = vapic_class_init,
};
TYPE_REGISTER(vapic_type)
