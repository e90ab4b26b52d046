/* What the keyboard and the mouse share. */
#ifndef HW_INPUT_PS2_INTERNAL_H
#define HW_INPUT_PS2_INTERNAL_H

#include "hw/input/ps2.h"
#include "migration/vmstate.h"

enum {
    PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_TEST_PASSED = 0xaa,
};

/* Queues as far as there is room; tells nobody. */
void ps2_push(PS2State *s, uint8_t b);
void ps2_raise(PS2State *s);
bool ps2_has_room(const PS2State *s, unsigned bytes);
/* Queues all of it, if there is room for that, and tells. */
void ps2_tell(PS2State *s, const uint8_t *bytes, unsigned count);
#define PS2_TELL(s, ...) ps2_tell(s, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
/* A keyboard's answer, which is read before everything else. */
void ps2_answer(PS2State *s, const uint8_t *bytes, unsigned count);
#define PS2_ANSWER(s, ...) ps2_answer(s, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
/* What is left of an answer is not read any more. */
void ps2_drop_answer(PS2State *s);
void ps2_reset_queue(PS2State *s);
void ps2_reset(PS2State *s);
/* For pre_load: what a subsection that may be absent has. */
void ps2_no_answer(PS2State *s);

extern const VMStateDescription vmstate_ps2_common;
/* The common part, by the name that the release has for it. */
#define VMS_PS2(t)                                                                          \
    VMS_STRUCT(t, parent_obj, vmstate_ps2_common, .exists = ps2_is_new),                    \
    VMS_STRUCT(t, parent_obj, vmstate_ps2_common, .exists = ps2_is_old, .name = "common")
bool ps2_is_new(void *opaque, int version_id);
bool ps2_is_old(void *opaque, int version_id);
void ps2_queue_pre_save(PS2State *s);
bool ps2_answer_needed(const PS2State *s);
/* The queue came with a stream: makes it one that can be worked with, whatever it says. */
void ps2_queue_loaded(PS2State *s);

#endif
