# A firmware image that runs small pieces of code, each in a fresh environment, and reports on the serial line how each ended: which
# event, its frame and the registers. Assembled with --defsym BITS=32 or 64; the cases follow (tiny.py appends them):
#   cases: .long name, code, length, ring ... .long 0
# A piece of code begins at CODE and ends by an event; INT 0xf0 is the ordinary end.

        .set GDT, 0x500         # RAM
        .set IDT, 0x1000
        .set TSS, 0x2000
        .set TSS2, 0x2400
        .set TSS3, 0x2600
        .set LDT, 0x2800
        .set LOW, 0x8000
        .set SAVED, 0x3000
        .set CURRENT, 0x3ff0
        .set STACK, 0x7000
        .set TABLES, 0x10000
        .set CODE, 0x20000
        .set CODE_STACK, 0x28000
        .set INNER_STACK, 0x2c000
        .set IST_STACK, 0x2e000
        .set DATA, 0x30000
        .set CODE_SEL, 0x08
        .set DATA_SEL, 0x10
        .set USER_CODE_SEL, 0x1b
        .set USER_DATA_SEL, 0x23
        .set CODE32_SEL, 0x28
        .set TSS_SEL, 0x30
        .set SPARE_SEL, 0x40

        .if BITS == 64
        .set W, 8
        .set REGS, 15
        .set IDT_LIMIT, 0xfff
        .macro push_all
        .irp r, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        push %\r
        .endr
        .endm
        .macro pop_all
        .irp r, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        pop %\r
        .endr
        .endm
        .macro push_a
        push %rax
        .endm
        .macro mov_sp_to_si
        mov %rsp, %rsi
        .endm
        .macro load_d from:vararg
        mov \from, %rdx
        .endm
        .macro mov_cr2_to_d
        mov %cr2, %rdx
        .endm
        .macro mov_dr6_to_d
        mov %dr6, %rdx
        .endm
        .else
        .set W, 4
        .set REGS, 8
        .set IDT_LIMIT, 0x7ff
        .macro push_all
        pusha
        .endm
        .macro pop_all
        popa
        .endm
        .macro push_a
        push %eax
        .endm
        .macro mov_sp_to_si
        mov %esp, %esi
        .endm
        .macro load_d from:vararg
        mov \from, %edx
        .endm
        .macro mov_cr2_to_d
        mov %cr2, %edx
        .endm
        .macro mov_dr6_to_d
        mov %dr6, %edx
        .endm
        .endif

        .text
        .code16
rom:
start16:
        cli
        lgdtl %cs:(rom_gdtr - rom)
        mov $0x11, %eax
        mov %eax, %cr0
        ljmpl $CODE32_SEL, $start32

        .code32
start32:
        mov $DATA_SEL, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov $STACK, %esp
        movl $cases, CURRENT
        mov $0xff, %al          # no interrupts
        out %al, $0x21
        out %al, $0xa1
        .if BITS == 64
        call make_tables
        mov $TABLES, %eax
        mov %eax, %cr3
        mov $0x620, %eax
        mov %eax, %cr4
        mov $0xc0000080, %ecx
        mov $0x901, %eax        # NXE, LME, SCE
        xor %edx, %edx
        wrmsr
        mov $0x80010011, %eax
        mov %eax, %cr0
        ljmp $CODE_SEL, $next
        .else
        jmp next
        .endif

        .if BITS == 64
# The first GiB by large pages for everybody; the third MiB by small ones.
make_tables:
        mov $TABLES, %edi
        mov $0x1000, %ecx
        xor %eax, %eax
        cld
        rep stosl
        movl $TABLES + 0x1007, TABLES
        movl $TABLES + 0x2007, TABLES + 0x1000
        mov $0x87, %eax
        mov $TABLES + 0x2000, %edi
1:      mov %eax, (%edi)
        add $8, %edi
        add $0x200000, %eax
        cmp $TABLES + 0x3000, %edi
        jne 1b
        movl $TABLES + 0x3007, TABLES + 0x2008
        mov $0x200007, %eax
2:      mov %eax, (%edi)
        add $8, %edi
        add $0x1000, %eax
        cmp $TABLES + 0x4000, %edi
        jne 2b
        ret
        .code64
        .endif

# --- the serial line ---
put_char:                       # AL
        push_all
        mov %eax, %ecx
        mov $0x3fd, %edx
1:      in %dx, %al
        test $0x20, %al
        jz 1b
        mov $0x3f8, %edx
        mov %ecx, %eax
        out %al, %dx
        pop_all
        ret
put_text:                       # ESI
        mov (%esi), %al
        inc %esi
        test %al, %al
        jz 1f
        call put_char
        jmp put_text
1:      ret
put_hex:                        # EDX (RDX), ECX digits, after a space
        mov $' ', %al
        call put_char
        mov %ecx, %ebx
1:      mov %ebx, %ecx
        dec %ecx
        shl $2, %ecx
        .if BITS == 64
        mov %rdx, %rax
        shr %cl, %rax
        .else
        mov %edx, %eax
        shr %cl, %eax
        .endif
        and $15, %eax
        mov digits(%eax), %al
        call put_char
        dec %ebx
        jnz 1b
        ret

# --- a case ---
next:
        push $2
        popf
        mov CURRENT, %esi
        mov (%esi), %eax
        test %eax, %eax
        jz end
        mov $0x11, %eax
        .if BITS == 64
        mov $0x80010011, %eax
        mov %rax, %cr0
        mov $0x620, %eax
        mov %rax, %cr4
        xor %eax, %eax
        mov %rax, %dr7
        mov %rax, %cr2
        mov $0xffff0ff0, %eax
        mov %rax, %dr6
        .else
        mov %eax, %cr0
        xor %eax, %eax
        mov %eax, %cr4
        mov %eax, %dr7
        mov %eax, %cr2
        mov $0xffff0ff0, %eax
        mov %eax, %dr6
        .endif
        cld
        mov $rom_gdt, %esi
        mov $GDT, %edi
        mov $(rom_gdt_end - rom_gdt) / 4, %ecx
        rep movsl
        mov $stubs, %eax        # all vectors: interrupt gates, the last 16 for users
        mov $IDT, %edi
        xor %ecx, %ecx
1:      mov %eax, %edx
        and $0xffff, %edx
        or $CODE_SEL << 16, %edx
        mov %edx, (%edi)
        mov %eax, %edx
        and $0xffff0000, %edx
        or $0x8e00, %edx
        cmp $0xf0, %ecx
        jb 2f
        or $0x6000, %edx
2:      .if BITS == 64
        cmp $8, %ecx
        jne 3f
        or $1, %edx             # double faults: their own stack
3:      mov %edx, 4(%edi)
        movq $0, 8(%edi)
        add $16, %edi
        .else
        mov %edx, 4(%edi)
        add $8, %edi
        .endif
        add $16, %eax
        inc %ecx
        cmp $256, %ecx
        jne 1b
        mov $TSS, %edi
        mov $0x400, %ecx
        xor %eax, %eax
        rep stosl
        movl $INNER_STACK, TSS + 4
        .if BITS == 64
        movl $IST_STACK, TSS + 0x24
        .else
        movl $DATA_SEL, TSS + 8
        .endif
        movw $0x68, TSS + 0x66
        movl $0xffffffff, TSS + 0x68
        mov $DATA, %edi
        mov $0x400, %ecx
        mov $0xa5a5a5a5, %eax
        rep stosl
        lgdt ram_gdtr
        lidt ram_idtr
        xor %eax, %eax
        lldt %ax
        mov $TSS_SEL, %eax
        ltr %ax
        mov CURRENT, %esi
        mov 8(%esi), %ecx
        mov 12(%esi), %ebx
        mov 4(%esi), %esi
        mov $CODE, %edi
        rep movsb
        .if BITS == 64
        movl $0x87, TABLES + 0x2000
        movl $TABLES + 0x3007, TABLES + 0x2008
        movl $0, TABLES + 0x200c
        mov $TABLES + 0x3000, %edi      # small pages as they were
        mov $0x200007, %eax
4:      mov %eax, (%edi)
        movl $0, 4(%edi)
        add $8, %edi
        add $0x1000, %eax
        cmp $TABLES + 0x4000, %edi
        jne 4b
        mov %cr3, %rax
        mov %rax, %cr3
        .endif
        mov $CODE_STACK, %ebp
        test %ebx, %ebx
        jnz 5f
        mov $DATA_SEL, %edi
        mov $CODE_SEL, %esi
        jmp 6f
5:      mov $USER_DATA_SEL, %edi
        mov $USER_CODE_SEL, %esi
6:      mov %edi, %ds
        mov %edi, %es
        mov %edi, %fs
        mov %edi, %gs
        .if BITS == 64
        push %rdi
        push %rbp
        push $2
        push %rsi
        push $CODE
        .else
        test %ebx, %ebx
        jz 7f
        push %edi
        push %ebp
        push $2
        push %esi
        push $CODE
        jmp 8f
7:      mov %ebp, %esp
        push $2
        push %esi
        push $CODE
8:
        .endif
        mov $0x11111111, %eax
        mov $0x22222222, %ebx
        mov $0x33333333, %ecx
        mov $0x44444444, %edx
        mov $0x55555555, %esi
        mov $0x66666666, %edi
        mov $0x77777777, %ebp
        .if BITS == 64
        iretq
        .else
        iret
        .endif

# --- the end of one ---
        .macro stub vector
        .balign 16
        .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17)
        push $0
        .endif
        push $\vector
        jmp report
        .endm
        .balign 16
stubs:
        .set v, 0
        .rept 256
        stub v
        .set v, v + 1
        .endr

report:
        push_all
        mov %ds, %eax
        push_a
        mov %es, %eax
        push_a
        mov %fs, %eax
        push_a
        mov %gs, %eax
        push_a
        mov $DATA_SEL, %eax
        mov %eax, %ds
        mov %eax, %es
        cld
        .if BITS == 32
        movl $0, 0xfee000b0     # the end of an interrupt, if it was one
        .endif
        mov_sp_to_si
        mov $SAVED, %edi
        mov $26 * W / 4, %ecx
        rep movsl
        mov_sp_to_si
        mov %esi, SAVED + 30 * W
        mov %ss, SAVED + 31 * W
        mov %eax, %ss
        mov $STACK, %esp
        mov CURRENT, %esi
        mov (%esi), %esi
        call put_text
        # From the top: gs fs es ds, the registers, vector, error, (R)IP, CS, flags, and what is on the stack behind it.
        mov $SAVED + (4 + REGS) * W, %ebp
        mov (%ebp), %edx
        mov $2, %ecx
        call put_hex
        mov W(%ebp), %edx
        mov $4, %ecx
        call put_hex
        mov 3 * W(%ebp), %edx
        and $0xffff, %edx
        mov $4, %ecx
        call put_hex
        load_d 2 * W(%ebp)
        mov $2 * W, %ecx
        call put_hex
        mov 4 * W(%ebp), %edx
        mov $6, %ecx
        call put_hex
        mov SAVED + 30 * W, %edx        # where the frame is
        mov $6, %ecx
        call put_hex
        mov SAVED + 31 * W, %edx
        and $0xffff, %edx
        mov $4, %ecx
        call put_hex
        mov $SAVED, %ebp
1:      load_d (%ebp)
        mov $4, %ecx
        cmp $SAVED + 4 * W, %ebp
        jb 2f
        mov $2 * W, %ecx
        jmp 3f
2:      and $0xffff, %edx
3:      call put_hex
        add $W, %ebp
        cmp $SAVED + (4 + REGS) * W, %ebp
        jne 1b
        mov_cr2_to_d
        mov $8, %ecx
        call put_hex
        mov_dr6_to_d
        mov $8, %ecx
        call put_hex
        str %edx
        mov $4, %ecx
        call put_hex
        mov $'\n', %al
        call put_char
        addl $16, CURRENT
        jmp next
end:
        mov $end_text, %esi
        call put_text
        mov $0xcf9, %edx
        mov $6, %al
        out %al, %dx
1:      hlt
        jmp 1b

end_text: .asciz "END\n"
digits: .ascii "0123456789abcdef"
        .balign 8
rom_gdt:
        .quad 0
        .if BITS == 64
        .quad 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff
        .else
        .quad 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
        .endif
        .quad 0x00cf9b000000ffff
        .quad 0x0000890000000000 | (TSS & 0xffff) << 16 | 0x1ff, 0
        .fill 8, 8, 0
rom_gdt_end:
rom_gdtr: .word rom_gdt_end - rom_gdt - 1
        .long rom_gdt
ram_gdtr: .word rom_gdt_end - rom_gdt - 1
        .long GDT, 0
ram_idtr: .word IDT_LIMIT
        .long IDT, 0
