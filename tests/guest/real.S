/* Real mode. */
#define MODE 16
#include "guest.inc"

body:
    begin "division by zero is a fault"
    xor %dl, %dl
    mov $5, %ax
    div %dl
    end

    begin "quotients that do not fit are the same"
    mov $0x400, %ax
    mov $2, %dl
    div %dl
    end

    begin "INT pushes flags, CS and IP"
    mov %sp, %bx
    xor %ax, %ax
    mov %ax, %es
    movw $(1f - 0x10000), %es:(0x60 * 4)
    mov %cs, %es:(0x60 * 4 + 2)
    stc
    int $0x60
2:  jmp 3f
1:  mov %bx, %cx
    sub %sp, %cx                /* 6 */
    pop %ax
    sub $(2b - 0x10000), %ax    /* 0 */
    pop %dx
    sub $0x1000, %dx            /* 0 */
    or %dx, %ax
    pop %dx
    and $1, %dx
    shl $8, %dx
    or %dx, %ax
    or %cx, %ax
3:
    end

    begin "INT clears IF and TF"
    xor %ax, %ax
    mov %ax, %es
    movw $(1f - 0x10000), %es:(0x60 * 4)
    sti
    int $0x60
    cli
    jmp 2f
1:  pushf
    pop %ax
    and $0x300, %ax
    iret
2:
    end

    begin "a word at offset FFFF is beyond the segment"
    mov $0xffff, %bx
    mov (%bx), %ax
    end

    begin "a word at offset FFFF of the stack segment is a stack fault"
    mov $0xffff, %bp
    mov (%bp), %ax
    end

    begin "a pushed word wraps with the stack pointer"
    mov $0, %sp
    push $0x1234
    mov %sp, %ax
    mov $STACK, %sp
    sub $2, %sp
    end

    begin "PUSH SP pushes the old value"
    mov %sp, %bx
    push %sp
    pop %ax
    sub %bx, %ax
    end

    begin "BOUND within"
    movw $5, %cs:(bounds - 0x10000)
    movw $9, %cs:(bounds + 2 - 0x10000)
    mov $9, %cx
    bound %cx, bounds - 0x10000
    mov $1, %ax
    end

    begin "BOUND beyond"
    mov $10, %cx
    bound %cx, bounds - 0x10000
    end

    begin "INTO with overflow"
    mov $0x7f, %al
    add $1, %al
    into
    end

    begin "INTO without"
    xor %ax, %ax
    into
    mov $1, %ax
    end

    begin "LOCK where it may not be"
    .byte 0xf0, 0x90
    end

    begin "an undefined opcode"
    ud2
    end

    begin "MOV to CS is undefined"
    .byte 0x8e, 0xc8
    end

    begin "LLDT is undefined here"
    .byte 0x0f, 0x00, 0xd0
    end

    begin "ARPL is undefined here"
    .byte 0x63, 0xc0
    end

    begin "sixteen prefixes are too many"
    .fill 15, 1, 0x66
    nop
    end

    begin "32-bit registers and addresses work with prefixes"
    mov $0x12345678, %eax
    mov $(SCRATCH - 0x10000), %ebx
    xor %cx, %cx
    end

    begin "32-bit addresses above the limit are refused"
    mov $0x10000, %ebx
    mov (%ebx), %ax
    end

    begin "a segment is its selector times 16"
    mov $0x4001, %ax
    mov %ax, %es
    movw $0xbeef, %es:0x10
    mov $0x4002, %ax
    mov %ax, %es
    mov %es:0, %ax
    end

    begin "AAM divides AL"
    mov $0x4d, %ax
    aam
    end

    begin "AAM by zero is a division by zero"
    .byte 0xd4, 0x00
    end

    begin "DAA adjusts after 9 + 9"
    mov $9, %al
    add $9, %al
    daa
    end

    begin "AAA carries into AH"
    mov $0x0107, %ax
    add $8, %al
    aaa
    end

    begin "DAS borrows"
    mov $0x12, %al
    sub $0x25, %al
    das
    end

    begin "SALC spreads the carry"
    stc
    .byte 0xd6
    mov $0, %ah
    end

    begin "XLAT looks up"
    mov $3, %al
    mov $(table - 0x10000), %bx
    xlat
    mov $0, %ah
    end

    begin "LOOP counts CX alone"
    mov $0x50003, %ecx
    xor %eax, %eax
1:  inc %eax
    loop 1b
    end

    begin "REP MOVSB wraps DI within the segment"
    mov $0x4000, %ax
    mov %ax, %es
    mov $(table - 0x10000), %si
    mov $0xffff, %di
    mov $2, %cx
    cld
    rep movsb
    mov %es:0, %al
    mov %es:0xffff, %ah
    end

    begin "a trap flag traps after the next instruction"
    pushf
    pop %bx
    or $0x100, %bx
    push %bx
    popf
    mov $1, %ax
    mov $2, %ax
    end

    begin "unreal mode keeps limits"
    lgdtl %cs:(gdt_pointer - 0x10000)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    mov $DATA, %bx
    mov %bx, %es
    and $0xfe, %al
    mov %eax, %cr0
    mov $0x110000, %ebx
    movl $0x600df00d, %es:(%ebx)
    mov %es:(%ebx), %eax
    end

    begin "SMSW stores the low word of CR0"
    smsw %ax
    and $0xf, %ax
    end

    begin "code that writes its next instruction runs the new one"
    movb $0x42, %cs:(1f + 1 - 0x10000)
1:  mov $0x41, %al
    end

    begin "FNINIT and FNSTSW"
    fninit
    fnstcw %cs:(bounds - 0x10000)
    mov %cs:(bounds - 0x10000), %ax
    end

    begin "ENTER makes nested frames"
    mov %sp, %bx
    mov $0x7000, %bp
    enter $4, $2
    mov %bx, %ax
    sub %sp, %ax
    leave
    mov %bx, %sp
    end
    ret

bounds: .word 0, 0
table:  .byte 1, 2, 3, 0x44, 5
