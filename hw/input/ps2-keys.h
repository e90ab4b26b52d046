#ifndef HW_INPUT_PS2_KEYS_H
#define HW_INPUT_PS2_KEYS_H

#include "ui/keys.h"

extern const uint16_t ps2_keys_set1[KEYS], ps2_keys_set2[KEYS], ps2_keys_set3[KEYS];

#endif
