/* 64-bit mode: exceptions and their codes, paging, privilege, debugging. -cpu max */
#define MODE 64
#include "guest.inc"

.set PAGE, 0x100000             /* its entry: FINE + 8 * 0x100 */
.set ENTRY, FINE + 8 * 0x100

.macro set_entry flags
    movq $(PAGE + \flags), ENTRY
    invlpg PAGE
.endm

/* To CPL 3 at a label, with the user's stack. */
.macro user label
    push $USER_DATA
    push $USER_STACK
    push $2
    push $USER_CODE64
    push $\label
    iretq
.endm

.macro gate vector, flags, selector, label
    movq $\label, %rax
    movw %ax, idt + 16 * \vector
    movw $\selector, idt + 16 * \vector + 2
    movw $\flags, idt + 16 * \vector + 4
    shr $16, %rax
    movl %eax, idt + 16 * \vector + 6
.endm

/* An interrupt. */
taken:
    mov %rcx, %rax
    movl $0, PAGE + 0xb0
    mov saved_sp, %rsp
    jmp *resume

body:
    begin "32-bit results clear the upper half"
    mov $-1, %rax
    mov $7, %eax
    end

    begin "16-bit results do not"
    mov $-1, %rax
    mov $7, %ax
    end

    begin "a shift by 0 leaves the flags"
    stc
    mov $0, %cl
    mov $1, %edx
    shl %cl, %edx
    setc %al
    end

    begin "a shift of 32 bits by 32 is one by 0"
    mov $32, %cl
    mov $5, %eax
    shl %cl, %eax
    end

    begin "IMUL sets carry if the product does not fit"
    mov $0x10000, %ecx
    imul %ecx, %ecx
    setc %al
    end

    begin "BSF of zero leaves the register"
    mov $0x1234, %eax
    xor %ecx, %ecx
    bsf %ecx, %eax
    end

    begin "BT with a register reaches beyond its operand"
    movq $0, SCRATCH
    movq $1, SCRATCH + 8
    mov $64, %ecx
    bt %ecx, SCRATCH
    setc %al
    end

    begin "CMPXCHG that fails loads the accumulator"
    movq $7, SCRATCH
    mov $3, %eax
    mov $9, %ecx
    lock cmpxchg %rcx, SCRATCH
    end

    begin "CMPXCHG16B swaps"
    movq $1, SCRATCH
    movq $2, SCRATCH + 8
    mov $1, %eax
    mov $2, %edx
    mov $3, %ebx
    mov $4, %ecx
    lock cmpxchg16b SCRATCH
    mov SCRATCH + 8, %rax
    end

    begin "CMPXCHG16B wants alignment"
    cmpxchg16b SCRATCH + 8
    end

    begin "XADD"
    movq $5, SCRATCH
    mov $3, %eax
    lock xadd %rax, SCRATCH
    add SCRATCH, %rax
    end

    begin "DF: strings go down"
    std
    mov $(SCRATCH + 8), %edi
    mov $0x55, %eax
    mov $2, %ecx
    rep stosq
    cld
    mov %rdi, %rax
    end

    begin "division by zero"
    xor %ecx, %ecx
    div %ecx
    end

    begin "the smallest number by -1"
    mov $0x8000000000000000, %rax
    cqo
    mov $-1, %rcx
    idiv %rcx
    end

    begin "INT3 is a trap: behind it"
    mov $1f, %ecx
    int3
1:  end
    begin "  its address"
    mov fault_ip, %rax
    sub %rcx, %rax
    end

    begin "UD2"
    ud2
    end

    begin "INTO is gone"
    .byte 0xce
    end

    begin "a load from a non-canonical address"
    mov $0x800000000000, %rcx
    mov (%rcx), %rax
    end

    begin "the same by RBP is a stack fault"
    mov $0x800000000000, %rbp
    mov (%rbp), %rax
    end

    begin "a jump to a non-canonical address"
    mov $0x800000000000, %rcx
    jmp *%rcx
    end

    begin "a misaligned MOVAPS"
    movaps SCRATCH + 8, %xmm0
    end

    begin "an instruction of 16 bytes"
    .fill 15, 1, 0x66
    nop
    end

    begin "reading a page that is not there"
    set_entry 0
    mov PAGE + 0x123, %eax
    end

    begin "writing it"
    mov %eax, PAGE + 0x123
    end

    begin "executing it"
    mov $PAGE, %ecx
    jmp *%rcx
    end

    begin "writing a read-only page"
    set_entry 0x65
    mov %eax, PAGE
    end

    begin "writing a read-only page without CR0.WP"
    mov %cr0, %rcx
    btr $16, %rcx
    mov %rcx, %cr0
    movl $0x77, PAGE
    bts $16, %rcx
    mov %rcx, %cr0
    mov PAGE, %eax
    end

    begin "executing a page with NX"
    set_entry 0x67
    movl $0x80000000, ENTRY + 4
    invlpg PAGE
    mov $PAGE, %ecx
    jmp *%rcx
    end

    begin "a reserved bit in an entry"
    set_entry 0x67
    movl $0x00080000, ENTRY + 4
    invlpg PAGE
    mov PAGE, %eax
    end

    begin "an access across two pages faults at the second"
    movq $(PAGE - 0x1000 + 0x67), ENTRY - 8
    set_entry 0
    mov PAGE - 4, %rax
    end

    begin "accessed and dirty bits: none yet"
    set_entry 7
    mov ENTRY, %eax
    and $0x60, %eax
    end

    begin "accessed and dirty bits after reading"
    mov PAGE, %ecx
    mov ENTRY, %eax
    and $0x60, %eax
    end

    begin "accessed and dirty bits after writing"
    mov %ecx, PAGE
    mov ENTRY, %eax
    and $0x60, %eax
    end

    begin "INVLPG forgets a translation"
    set_entry 0x67
    movl $1, PAGE
    movl $2, PAGE + 0x1000
    mov PAGE, %eax
    movq $(PAGE + 0x1067), ENTRY
    invlpg PAGE
    mov PAGE, %eax
    set_entry 0x67
    end

    begin "CR3 forgets translations"
    mov PAGE, %eax
    movq $(PAGE + 0x1067), ENTRY
    mov %cr3, %rcx
    mov %rcx, %cr3
    mov PAGE, %eax
    set_entry 0x67
    end

    begin "a page of 1 GiB"
    movq $0xe7, PML4 + 0x1000 + 8
    mov $0x40000000 + PAGE, %ecx
    mov (%rcx), %eax
    end

    begin "SMEP: the kernel does not execute the user's pages"
    mov %cr4, %rcx
    bts $20, %rcx
    movb $0xc3, PAGE
    /* this code's own pages are the user's: only the last level counts together */
    movq $0x10063, FINE + 8 * 0x10
    movq $0x11063, FINE + 8 * 0x11
    movq $0x12063, FINE + 8 * 0x12
    movq $0x13063, FINE + 8 * 0x13
    mov %cr3, %rdx
    mov %rdx, %cr3
    mov %rcx, %cr4
    call PAGE
    end

    begin "SMAP: nor reads them"
    mov %cr4, %rcx
    btr $20, %rcx
    bts $21, %rcx
    movq $(STACK - 0x1000 + 0x63), FINE + 8 * 7
    invlpg STACK - 0x1000
    mov %rcx, %cr4
    mov PAGE, %eax
    end

    begin "SMAP: but for EFLAGS.AC"
    stac
    mov PAGE, %eax
    clac
    mov $1, %eax
    end
    mov %cr4, %rcx
    btr $21, %rcx
    mov %rcx, %cr4
    movq $0x10067, FINE + 8 * 0x10
    movq $0x11067, FINE + 8 * 0x11
    movq $0x12067, FINE + 8 * 0x12
    movq $0x13067, FINE + 8 * 0x13
    movq $(STACK - 0x1000 + 0x67), FINE + 8 * 7
    mov %cr3, %rcx
    mov %rcx, %cr3

    begin "a null selector in SS"
    xor %ecx, %ecx
    mov %ecx, %ss
    mov $DATA, %ecx
    mov %ecx, %ss
    mov $1, %eax
    end

    begin "a selector beyond the table"
    mov $0xfff8, %ecx
    mov %ecx, %ds
    end

    begin "a segment that is not present"
    movq $0, gdt_free
    movl $0x00cf1300, gdt_free + 4
    mov $FREE_SELECTOR, %ecx
    mov %ecx, %ds
    end

    begin "a stack segment that is not present"
    mov $FREE_SELECTOR, %ecx
    mov %ecx, %ss
    end

    begin "code in SS"
    mov $CODE64, %ecx
    mov %ecx, %ss
    end

    begin "LTR of a busy TSS"
    mov $TSS_SELECTOR, %ecx
    ltr %cx
    end

    begin "LLDT of a null selector, then its use"
    xor %ecx, %ecx
    lldt %cx
    mov $4, %ecx
    mov %ecx, %ds
    end

    begin "an MSR that is not there"
    mov $0xc0001234, %ecx
    rdmsr
    end

    begin "a non-canonical base"
    mov $0xc0000100, %ecx
    mov $0x8000, %edx
    wrmsr
    end

    begin "the base of GS"
    mov $0xc0000101, %ecx
    mov $SCRATCH, %eax
    xor %edx, %edx
    wrmsr
    movq $0x4711, SCRATCH + 0x10
    mov %gs:0x10, %rax
    end

    begin "SWAPGS"
    mov $0xc0000102, %ecx
    mov $(SCRATCH + 8), %eax
    xor %edx, %edx
    wrmsr
    swapgs
    mov %gs:8, %rax
    swapgs
    end

    begin "SSE with CR0.TS"
    mov %cr0, %rcx
    bts $3, %rcx
    mov %rcx, %cr0
    addps %xmm0, %xmm0
    end
    clts

    begin "SSE with CR0.EM"
    mov %cr0, %rcx
    bts $2, %rcx
    mov %rcx, %cr0
    addps %xmm0, %xmm0
    end
    mov %cr0, %rcx
    btr $2, %rcx
    mov %rcx, %cr0

    begin "SSE without CR4.OSFXSR"
    mov %cr4, %rcx
    btr $9, %rcx
    mov %rcx, %cr4
    addps %xmm0, %xmm0
    end
    mov %cr4, %rcx
    bts $9, %rcx
    mov %rcx, %cr4

    begin "an SSE exception"
    movl $0x1d80, SCRATCH       /* division by zero not masked */
    ldmxcsr SCRATCH
    mov $1, %ecx
    cvtsi2ss %ecx, %xmm0
    xorps %xmm1, %xmm1
    divss %xmm1, %xmm0
    end
    movl $0x1f80, SCRATCH
    ldmxcsr SCRATCH

    begin "reserved bits of MXCSR"
    movl $0x10000, SCRATCH
    ldmxcsr SCRATCH
    end

    begin "an x87 exception comes with the next instruction"
    fninit
    movw $0x37b, SCRATCH        /* division by zero not masked */
    fldcw SCRATCH
    fld1
    fldz
    fdivrp
    mov $1, %eax
    fwait
    end
    fninit

    begin "AVX without CR4.OSXSAVE"
    .byte 0xc5, 0xf8, 0x77      /* vzeroupper */
    end

    begin "XGETBV without it"
    xgetbv
    end

    begin "privileged instructions in CPL 3: HLT"
    user 1f
1:  hlt
    end

    begin "privileged instructions in CPL 3: CLI"
    user 1f
1:  cli
    end

    begin "privileged instructions in CPL 3: IN"
    user 1f
1:  in $0x80, %al
    end

    begin "privileged instructions in CPL 3: MOV to CR0"
    user 1f
1:  mov %rax, %cr0
    end

    begin "privileged instructions in CPL 3: WRMSR"
    user 1f
1:  wrmsr
    end

    begin "a gate that is the kernel's"
    user 1f
1:  int $0x20
    end

    begin "a gate beyond the table"
    int $0x80
    end

    begin "the kernel's page from CPL 3"
    set_entry 0x63
    user 1f
1:  mov PAGE, %eax
    end

    begin "alignment check"
    mov %cr0, %rcx
    bts $18, %rcx
    mov %rcx, %cr0
    push $USER_DATA
    push $USER_STACK
    push $0x40002
    push $USER_CODE64
    push $1f
    iretq
1:  mov SCRATCH + 1, %eax
    end

    begin "an entry from CPL 3 is on the TSS's stack, aligned"
    user 1f
1:  ud2
    end
    begin "  its frame begins at"
    mov fault_sp, %rax
    end

    begin "SYSCALL: RCX is behind it, R11 the flags"
    mov $0xc0000081, %ecx       /* STAR */
    mov $(0x23 << 16 | CODE64), %edx
    xor %eax, %eax
    wrmsr
    mov $0xc0000082, %ecx       /* LSTAR */
    mov $2f, %eax
    xor %edx, %edx
    wrmsr
    mov $0xc0000084, %ecx       /* FMASK */
    mov $1, %eax
    wrmsr
    user 1f
1:  stc
    syscall
3:  ud2
2:  mov $3b, %eax
    sub %ecx, %eax
    shl $16, %eax
    and $1, %r11d
    or %r11d, %eax
    setc %cl
    movzbl %cl, %ecx
    shl $8, %ecx
    or %ecx, %eax
    mov saved_sp, %rsp
    end

    begin "SYSCALL's selectors"
    mov %ss, %ecx
    mov %cs, %eax
    shl $16, %ecx
    or %ecx, %eax
    end
    mov $DATA, %ecx
    mov %ecx, %ss
    push $CODE64
    push $1f
    lretq
1:
    begin "an interrupt stack of the TSS's table"
    movq $(STACK_0 - 0x100), tss + 0x24
    movw $0x8e01, idt + 16 * 6 + 4
    ud2
    end
    movw $0x8e00, idt + 16 * 6 + 4
    begin "  the frame"
    mov fault_sp, %rax
    end

    begin "a fault while a fault is delivered"
    movw $0x0e00, idt + 16 * 13 + 4     /* not present */
    user 1f
1:  hlt
    end
    movw $0x8e00, idt + 16 * 13 + 4

    begin "single step"
    push $0x102
    popf
    mov $1, %ecx
    mov $2, %ecx
    end
    begin "  where it was"
    mov %rcx, %rax
    end
    begin "  DR6"
    mov %db6, %rax
    end

    begin "a breakpoint on code"
    xor %ecx, %ecx
    mov %rcx, %db6
    mov $1f, %ecx
    mov %rcx, %db0
    mov $0x401, %ecx
    mov %rcx, %db7
    mov $5, %ecx
1:  mov $6, %ecx
    end
    begin "  comes before the instruction"
    mov %rcx, %rax
    end
    begin "  DR6"
    mov %db6, %rax
    end

    begin "a breakpoint on writes"
    xor %ecx, %ecx
    mov %rcx, %db6
    mov $SCRATCH, %ecx
    mov %rcx, %db0
    mov $0xd0401, %ecx          /* 4 bytes */
    mov %rcx, %db7
    mov SCRATCH, %ecx
    movl $8, SCRATCH + 3
    mov $9, %ecx
    end
    begin "  comes after the instruction"
    mov SCRATCH + 3, %eax
    end
    begin "  DR6"
    mov %db6, %rax
    end
    xor %ecx, %ecx
    mov %rcx, %db7

    begin "code that changes itself"
    movb $9, 1f + 1
1:  mov $1, %al
    end

    begin "code that changes itself, in a loop that ran"
    mov $3, %ecx
    xor %edx, %edx
1:  mov $1, %al
    add %al, %dl
    incb 1b + 1
    dec %ecx
    jnz 1b
    mov %edx, %eax
    end

    begin "code that changes itself by another address"
    movq $0x10067, ENTRY
    mov $1f, %ecx
    shr $12, %ecx
    shl $12, %ecx
    or $0x67, %ecx
    mov %rcx, ENTRY
    invlpg PAGE
    mov $1f, %ecx
    and $0xfff, %ecx
    movb $7, PAGE + 1(%rcx)
1:  mov $1, %al
    set_entry 0x67
    end

    begin "an interrupt waits one instruction behind STI"
    gate 0x2e, 0x8e00, CODE64, taken
    mov $0xfee0001b, %ecx
    mov %rcx, ENTRY
    invlpg PAGE
    movl $0x1ff, PAGE + 0xf0    /* enabled */
    movl $0, PAGE + 0x80
    movl $0x4002e, PAGE + 0x300 /* to itself */
    mov PAGE + 0x20, %edx       /* some time */
    xor %ecx, %ecx
    sti
    inc %ecx
    inc %ecx
    cli
    mov $0x99, %eax
    end

    begin "MOV to SS holds it off, too"
    movl $0x4002e, PAGE + 0x300
    mov PAGE + 0x20, %edx
    xor %ecx, %ecx
    mov %ss, %edi
    sti
    mov %edi, %ss
    inc %ecx
    inc %ecx
    cli
    mov $0x99, %eax
    end

    begin "CR8 holds it off"
    mov $2, %ecx
    mov %rcx, %cr8
    movl $0x4002e, PAGE + 0x300
    mov PAGE + 0x20, %edx
    xor %ecx, %ecx
    sti
    inc %ecx
    inc %ecx
    mov %rcx, %cr8
    inc %ecx
    cli
    mov $0x99, %eax
    end
    xor %ecx, %ecx
    mov %rcx, %cr8
    set_entry 0x67

    begin "32-bit code in compatibility mode"
    mov %rsp, %rbx
    push $CODE32
    push $1f
    lretq
.code32
1:  mov $-1, %eax
    inc %eax                    /* 40 is REX in 64-bit mode */
    dec %eax
    ljmp $CODE64, $2f
.code64
2:  mov %rbx, %rsp
    end
    ret
