/* Inside the local APIC: apic.c has its registers, apic-accept.c what reaches it, apic-print.c shows it. */
#ifndef HW_INTC_APIC_INTERNAL_H
#define HW_INTC_APIC_INTERNAL_H

#include "hw/intc/apic.h"
#include "system/clock.h"
#include "system/memory.h"

enum { LVT_TIMER, LVT_THERMAL, LVT_PERFORMANCE, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
#define LVT_VECTOR 0xffu
#define LVT_MODE_SHIFT 8
#define LVT_PENDING (1u << 12)
#define LVT_ACTIVE_LOW (1u << 13)
#define LVT_LEVEL (1u << 15)
#define LVT_MASKED (1u << 16)
#define LVT_PERIODIC (1u << 17)
#define LVT_TSC_DEADLINE (1u << 18)

enum { MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_NMI = 4, MODE_INIT, MODE_STARTUP, MODE_EXTINT };
enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };
#define ICR_LOGICAL (1u << 11)
#define ICR_LEVEL_ASSERT (1u << 14)
#define ICR_TRIGGER_LEVEL (1u << 15)
#define SVR_ENABLE 0x100u
#define SVR_FOCUS 0x200u
#define BASE_BSP (1u << 8)
#define BASE_ENABLE (1u << 11)
#define ESR_ILLEGAL_VECTOR (1u << 6)
#define ESR_ILLEGAL_ADDRESS (1u << 7)
enum { DFR_CLUSTER = 0, DFR_FLAT = 0xf, ID_BROADCAST = 0xff, FIRST_VECTOR = 16 };

struct APICState {
    DeviceState parent_obj;
    /* set by the user */
    uint32_t id_prop;
    uint8_t version;
    bool vapic;
    /* migrated */
    uint32_t apicbase;
    uint8_t id, arb_id, tpr;
    uint32_t spurious_vec;
    uint8_t log_dest, dest_mode;
    uint32_t isr[8], tmr[8], irr[8], lvt[LVT_COUNT], esr, icr[2], divide_conf;
    int32_t count_shift;
    uint32_t initial_count;
    int64_t initial_count_load_time, next_time, timer_expiry;
    int32_t sipi_vector, wait_for_sipi;
    /* made at realize */
    X86CPU *cpu;
    Timer timer;
};

/* The vectors of a register of 256 bits. */
static inline bool bit256(const uint32_t *words, unsigned n)
{
    return words[n / 32] >> n % 32 & 1;
}

static inline int highest256(const uint32_t *words)
{
    for (int i = 7; i >= 0; i--) {
        if (words[i]) {
            return i * 32 + 31 - __builtin_clz(words[i]);
        }
    }
    return -1;
}

/* The timer counts every 1 << this ns. */
static inline unsigned apic_divide_shift(uint32_t divide_conf)
{
    return ((divide_conf & 3) + (divide_conf >> 1 & 4) + 1) & 7;    /* code 7 divides by 1 */
}

/* What the registers PPR and current count say now. */
uint8_t apic_processor_priority(const APICState *s);
uint32_t apic_current_count(const APICState *s);
/* INIT: all but the base and the id. */
void apic_reset_registers(APICState *s);

/* Among those that IPIs and messages reach, at its CPU's index. True: it is the first one. */
bool apic_add(APICState *s);
void apic_remove(APICState *s);
/* An IPI, or a message from a device, which has no sender. Shorthands are relative to the sender. */
void apic_deliver(const APICState *sender, unsigned shorthand, uint8_t dest, bool logical, unsigned mode, uint8_t vector,
                  bool level);
/* An MSI (SDM vol. 3, 11.11). */
void apic_deliver_message(hwaddr address, uint32_t data);
/* One of its own sources, by entry of the local vector table. */
void apic_local_interrupt(APICState *s, unsigned entry);
/* Bits of ESR, which may interrupt. */
void apic_set_error(APICState *s, uint32_t bits);
void apic_end_of_interrupt(APICState *s);
/* INIT level de-assert: all arbitration ids are as the ids. */
void apic_sync_arbitration(void);
/* Something changed that decides whether the CPU is interrupted. */
void apic_update_cpu(APICState *s);

#endif
