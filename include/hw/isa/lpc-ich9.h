/*
 * The LPC function of the ICH9 (0:1f.0): what it places in port space and memory, and where the eight PIRQs of the root
 * bus lead. Intel ICH9 datasheet, chapters 10 (root complex registers) and 13.
 *
 * Lines go out as the named set "gsi": 0 to 15 as the 8259 pair has them, 16 to 23 the PIRQs.
 */
#ifndef HW_ISA_LPC_ICH9_H
#define HW_ISA_LPC_ICH9_H

#include "hw/acpi/ich9.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

#define TYPE_ICH9_LPC_DEVICE "ICH9-LPC"
OBJECT_DECLARE_SIMPLE_TYPE(ICH9LPCState, ICH9_LPC_DEVICE)

#define ICH9_LPC_SLOT 31
#define ICH9_PIRQS 8
#define ICH9_GSIS 24
#define ICH9_CC_SIZE (16 * 1024)

typedef struct ICH9APM {
    uint8_t apmc, apms;
} ICH9APM;

struct ICH9LPCState {
    PCIDevice parent_obj;
    /* set by the user */
    uint64_t smi_host_features;     /* bits offered to firmware */
    uint8_t smi_host_features_le[8];
    bool dma_in_bridge, rtc_in_bridge;  /* who makes them: it shows in the order of the stream's sections */
    /* migrated */
    ICH9APM apm;
    ICH9PMRegs pm;
    uint8_t chip_config[ICH9_CC_SIZE];  /* the root complex's register block */
    uint32_t sci_level;
    uint8_t rst_cnt;                /* port 0xcf9 */
    uint8_t smi_guest_features_le[8], smi_features_ok;
    uint64_t smi_negotiated_features;
    /* derived */
    uint8_t pirq_of[32][PCI_NUM_PINS];  /* by slot and pin */
    Irq *gsi[ICH9_GSIS];
    MemoryRegion rcrb, rst_cnt_io, apm_io;
    MemoryRegion *system_memory, *io_space; /* set by the board before realize, and so the sixteen lines */
    Irq **isa_irqs;
    ISABus *isa_bus;                        /* "isa.0" */
    struct RTCState *rtc;                   /* if it was made here */
};

/* All devices are there: says in config space which of the old ports are decoded. */
void ich9_lpc_machine_done(ICH9LPCState *lpc);
/* The bus's own routing: pci_bus_irqs() with these and the LPC device. */
void ich9_lpc_set_irq(void *opaque, int pirq, int level);
int ich9_lpc_map_irq(PCIDevice *dev, int pin);

/* The files by which firmware and this function agree on what an SMI does. */
struct FWCfgState;
bool ich9_lpc_add_fw_cfg(ICH9LPCState *lpc, struct FWCfgState *fw_cfg, GError **error);

#endif
