/* 64-bit mode: refusals that TCG does not make, some of which it does not survive. */
#define MODE 64
#include "guest.inc"

body:
    begin "CR4.PAE stays in long mode"
    mov %cr4, %rcx
    btr $5, %rcx
    mov %rcx, %cr4
    end

    begin "a reserved bit of CR4"
    mov %cr4, %rcx
    bts $31, %rcx
    mov %rcx, %cr4
    end

    begin "CR0.PG without PE"
    mov %cr0, %rcx
    btr $0, %rcx
    mov %rcx, %cr0
    end

    begin "CR0.NW without CD"
    mov %cr0, %rcx
    bts $29, %rcx
    btr $30, %rcx
    mov %rcx, %cr0
    end

    begin "the upper half of CR0"
    mov %cr0, %rcx
    bts $32, %rcx
    mov %rcx, %cr0
    end

    begin "reserved bits of CR3"
    mov %cr3, %rcx
    bts $62, %rcx
    mov %rcx, %cr3
    end

    begin "reserved bits of EFER"
    mov $0xc0000080, %ecx
    rdmsr
    bts $2, %eax
    wrmsr
    end

    begin "EFER.LME with paging on"
    mov $0xc0000080, %ecx
    rdmsr
    btr $8, %eax
    wrmsr
    end

    begin "the upper half of DR7"
    mov $1, %rcx
    shl $32, %rcx
    mov %rcx, %db7
    end
    ret
