/*
 * Keys by what is printed on them, with QMP's names (QKeyCode) and their numbers: the PC/XT scan code, with bit 7 for one
 * that has the prefix E0.
 */
#ifndef UI_KEYS_H
#define UI_KEYS_H

#include <stdint.h>

#define UI_KEYS(X)                                                                                                   \
    X(SHIFT, "shift", 0x2a) X(SHIFT_R, "shift_r", 0x36) X(ALT, "alt", 0x38) X(ALT_R, "alt_r", 0xb8)                  \
    X(CTRL, "ctrl", 0x1d) X(CTRL_R, "ctrl_r", 0x9d) X(MENU, "menu", 0x9e) X(ESC, "esc", 0x01) X(1, "1", 0x02)        \
    X(2, "2", 0x03) X(3, "3", 0x04) X(4, "4", 0x05) X(5, "5", 0x06) X(6, "6", 0x07) X(7, "7", 0x08) X(8, "8", 0x09)  \
    X(9, "9", 0x0a) X(0, "0", 0x0b) X(MINUS, "minus", 0x0c) X(EQUAL, "equal", 0x0d) X(BACKSPACE, "backspace", 0x0e)  \
    X(TAB, "tab", 0x0f) X(Q, "q", 0x10) X(W, "w", 0x11) X(E, "e", 0x12) X(R, "r", 0x13) X(T, "t", 0x14)              \
    X(Y, "y", 0x15) X(U, "u", 0x16) X(I, "i", 0x17) X(O, "o", 0x18) X(P, "p", 0x19)                                  \
    X(BRACKET_LEFT, "bracket_left", 0x1a) X(BRACKET_RIGHT, "bracket_right", 0x1b) X(RET, "ret", 0x1c)                \
    X(A, "a", 0x1e) X(S, "s", 0x1f) X(D, "d", 0x20) X(F, "f", 0x21) X(G, "g", 0x22) X(H, "h", 0x23) X(J, "j", 0x24)  \
    X(K, "k", 0x25) X(L, "l", 0x26) X(SEMICOLON, "semicolon", 0x27) X(APOSTROPHE, "apostrophe", 0x28)                \
    X(GRAVE_ACCENT, "grave_accent", 0x29) X(BACKSLASH, "backslash", 0x2b) X(Z, "z", 0x2c) X(X, "x", 0x2d)            \
    X(C, "c", 0x2e) X(V, "v", 0x2f) X(B, "b", 0x30) X(N, "n", 0x31) X(M, "m", 0x32) X(COMMA, "comma", 0x33)          \
    X(DOT, "dot", 0x34) X(SLASH, "slash", 0x35) X(ASTERISK, "asterisk", 0x37) X(SPC, "spc", 0x39)                    \
    X(CAPS_LOCK, "caps_lock", 0x3a) X(F1, "f1", 0x3b) X(F2, "f2", 0x3c) X(F3, "f3", 0x3d) X(F4, "f4", 0x3e)          \
    X(F5, "f5", 0x3f) X(F6, "f6", 0x40) X(F7, "f7", 0x41) X(F8, "f8", 0x42) X(F9, "f9", 0x43) X(F10, "f10", 0x44)    \
    X(NUM_LOCK, "num_lock", 0x45) X(SCROLL_LOCK, "scroll_lock", 0x46) X(KP_DIVIDE, "kp_divide", 0xb5)                \
    X(KP_MULTIPLY, "kp_multiply", 0x37) X(KP_SUBTRACT, "kp_subtract", 0x4a) X(KP_ADD, "kp_add", 0x4e)                \
    X(KP_ENTER, "kp_enter", 0x9c) X(KP_DECIMAL, "kp_decimal", 0x53) X(SYSRQ, "sysrq", 0x54) X(KP_0, "kp_0", 0x52)    \
    X(KP_1, "kp_1", 0x4f) X(KP_2, "kp_2", 0x50) X(KP_3, "kp_3", 0x51) X(KP_4, "kp_4", 0x4b) X(KP_5, "kp_5", 0x4c)    \
    X(KP_6, "kp_6", 0x4d) X(KP_7, "kp_7", 0x47) X(KP_8, "kp_8", 0x48) X(KP_9, "kp_9", 0x49) X(LESS, "less", 0x56)    \
    X(F11, "f11", 0x57) X(F12, "f12", 0x58) X(PRINT, "print", 0x54) X(HOME, "home", 0xc7) X(PGUP, "pgup", 0xc9)      \
    X(PGDN, "pgdn", 0xd1) X(END, "end", 0xcf) X(LEFT, "left", 0xcb) X(UP, "up", 0xc8) X(DOWN, "down", 0xd0)          \
    X(RIGHT, "right", 0xcd) X(INSERT, "insert", 0xd2) X(DELETE, "delete", 0xd3) X(STOP, "stop", 0xe8)                \
    X(AGAIN, "again", 0x85) X(PROPS, "props", 0x86) X(UNDO, "undo", 0x87) X(FRONT, "front", 0x8c)                    \
    X(COPY, "copy", 0xf8) X(OPEN, "open", 0x64) X(PASTE, "paste", 0x65) X(FIND, "find", 0xc1) X(CUT, "cut", 0xbc)    \
    X(LF, "lf", 0x5b) X(HELP, "help", 0xf5) X(META_L, "meta_l", 0xdb) X(META_R, "meta_r", 0xdc)                      \
    X(COMPOSE, "compose", 0xdd) X(PAUSE, "pause", 0xc6) X(RO, "ro", 0x73) X(HIRAGANA, "hiragana", 0x77)              \
    X(HENKAN, "henkan", 0x79) X(YEN, "yen", 0x7d) X(MUHENKAN, "muhenkan", 0x7b)                                      \
    X(KATAKANAHIRAGANA, "katakanahiragana", 0x70) X(KP_COMMA, "kp_comma", 0x7e) X(KP_EQUALS, "kp_equals", 0x59)      \
    X(POWER, "power", 0xde) X(SLEEP, "sleep", 0xdf) X(WAKE, "wake", 0xe3) X(AUDIONEXT, "audionext", 0x99)            \
    X(AUDIOPREV, "audioprev", 0x90) X(AUDIOSTOP, "audiostop", 0xa4) X(AUDIOPLAY, "audioplay", 0xa2)                  \
    X(AUDIOMUTE, "audiomute", 0xa0) X(VOLUMEUP, "volumeup", 0xb0) X(VOLUMEDOWN, "volumedown", 0xae)                  \
    X(MEDIASELECT, "mediaselect", 0xed) X(MAIL, "mail", 0xec) X(CALCULATOR, "calculator", 0xa1)                      \
    X(COMPUTER, "computer", 0xeb) X(AC_HOME, "ac_home", 0xb2) X(AC_BACK, "ac_back", 0xea)                            \
    X(AC_FORWARD, "ac_forward", 0xe9) X(AC_REFRESH, "ac_refresh", 0xe7) X(AC_BOOKMARKS, "ac_bookmarks", 0xe6)        \
    X(LANG1, "lang1", 0x72) X(LANG2, "lang2", 0x71)

typedef enum UiKey {
    KEY_UNMAPPED,
#define X(ident, name, number) KEY_##ident,
    UI_KEYS(X)
#undef X
    KEYS,
} UiKey;

extern const char *const ui_key_names[KEYS + 1];    /* NULL-terminated */
/* KEYS if there is none of that name. */
UiKey ui_key_by_name(const char *name);
/* KEY_UNMAPPED if there is none of that number. */
UiKey ui_key_by_number(int64_t number);

#endif
