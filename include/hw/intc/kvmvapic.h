/* The device behind port 0x7e of QEMU's PCs: held for guests that move, see the file. */
#ifndef HW_INTC_KVMVAPIC_H
#define HW_INTC_KVMVAPIC_H

#include "hw/core/device.h"
#include "system/memory.h"

#define TYPE_KVM_VAPIC "kvmvapic"
OBJECT_DECLARE_SIMPLE_TYPE(KVMVAPICState, KVM_VAPIC)

bool kvmvapic_new(GError **error);

#endif
