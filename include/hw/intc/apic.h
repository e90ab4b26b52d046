/*
 * The local APIC of a CPU (Intel SDM vol. 3, chapter 11): its timer, its local vector table, inter-processor interrupts,
 * and the acceptance of messages. All of them share one window of memory at 0xfee00000: what a CPU accesses there is its
 * own APIC's registers; what a device stores there is a message.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "hw/core/device.h"
#include "target/i386/cpu.h"

#define TYPE_APIC "apic"
OBJECT_DECLARE_SIMPLE_TYPE(APICState, APIC)

#define APIC_ADDRESS 0xfee00000ull

/* Makes the CPU's; the first one also maps the window. The section's instance is the APIC's id. */
APICState *apic_new(X86CPU *cpu, GError **error);
APICState *apic_of(const X86CPU *cpu);
/* The 8259 pair's INT line, which LINT0 of the CPUs that take it hears. */
void apic_pic_line(int level);
/* How its vector is asked for; -1: none. */
void apic_set_pic(int (*acknowledge)(void));
/* The vector to serve now, moved from IRR to ISR; -1: none. As the CPU acknowledges. */
int apic_acknowledge(APICState *s);
/* Whether it wants to interrupt: a request above the processor priority. */
bool apic_wants_interrupt(const APICState *s);
/* MSR IA32_APIC_BASE and CR8. */
uint64_t apic_base(const APICState *s);
void apic_set_base(APICState *s, uint64_t value);
uint8_t apic_tpr(const APICState *s);           /* bits 7:4 of TPR */
void apic_set_tpr(APICState *s, uint8_t cr8);
/* For `info lapic`. */
void apic_print(const APICState *s, GString *out);

#endif
