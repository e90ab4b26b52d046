/*
 * The Q35's north bridge: the host device that turns CPU accesses into config cycles ("q35-pcihost") and the function
 * 0:0.0 on its bus ("mch") whose registers say what is RAM and what goes to PCI below 1 MiB (PAM, SMRAM), where the ECAM
 * window is (PCIEXBAR), and what is kept for SMM (TSEG). Intel 3 Series Express Chipset datasheet, chapter 5.
 */
#ifndef HW_PCI_HOST_Q35_H
#define HW_PCI_HOST_Q35_H

#include "hw/pci/pci_host.h"

#define TYPE_Q35_HOST_DEVICE "q35-pcihost"
OBJECT_DECLARE_SIMPLE_TYPE(Q35PCIHost, Q35_HOST_DEVICE)
#define TYPE_MCH_PCI_DEVICE "mch"
OBJECT_DECLARE_SIMPLE_TYPE(MCHPCIState, MCH_PCI_DEVICE)

#define MCH_PAM_SEGMENTS 13

/* A segment between 0xc0000 and 0xfffff: seen in PCI, or in RAM (perhaps read-only). */
typedef struct MCHPam {
    MemoryRegion pci, ram;
} MCHPam;

struct MCHPCIState {
    PCIDevice parent_obj;
    /* set by the user */
    uint16_t ext_tseg_mbytes;
    bool smbase_smram;
    /* derived */
    Q35PCIHost *host;
    bool has_ranges;
    MCHPam pam[MCH_PAM_SEGMENTS];
    MemoryRegion smram_region;      /* 0xa0000 as PCI sees it: hides RAM unless SMRAM is open */
    MemoryRegion open_high;         /* the same RAM at 0xfeda0000, when that is open */
    MemoryRegion tseg_blackhole, smbase_blackhole;
    MemoryRegion smram;             /* what a CPU in SMM sees above all else */
    MemoryRegion low_smram, high_smram, tseg_window, smbase_window;
    MemoryRegion smm_root, smm_system;  /* and beneath it what all see */
    AddressSpace smm_memory;
};

struct Q35PCIHost {
    PCIExpressHost parent_obj;
    /* set by the user */
    uint64_t pci_hole64_size;
    uint64_t below_4g_size, above_4g_size;  /* of RAM; the board sets them */
    uint32_t short_root_bus;
    bool pci_hole64_fix, bypass_iommu, smm_ranges;
    /* set by the board before realize */
    MemoryRegion *system, *io, *pci, *ram;
    /* made at realize */
    MCHPCIState *mch;
};

#endif
