"""The seccomp profile `RuntimeDefault`, as it applies to a process without capabilities.

It denies what the default profile of containerd and CRI-O denies such a process: mounts, namespaces, kernel modules, keys,
clocks, perf events, io_uring. Their profile lists what is allowed; this one lists what is denied.
"""

import ctypes
import errno
import os
import struct

# Number on x86_64 and on aarch64; None if the call does not exist.
_DENIED = {
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "clock_adjtime": (305, 266), "clock_settime": (227, 112),
    "delete_module": (176, 106), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430),
    "fspick": (433, 433), "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272), "kexec_file_load": (320, 294),
    "kexec_load": (246, 104), "keyctl": (250, 219), "mbind": (237, 235), "mount": (165, 40), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "move_pages": (279, 239), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "pivot_root": (155, 41), "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218),
    "set_mempolicy": (238, 237), "setns": (308, 268), "settimeofday": (164, 170), "swapoff": (168, 225), "swapon": (167, 224),
    "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
}
# Its flags are in memory, which a filter cannot read. C libraries then fall back to `clone`.
_CLONE3 = 435
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_SECCOMP, _FILTER = 22, 2


def program(machine: str) -> bytes:
    """The filter as instructions of classic BPF on (number, architecture)."""
    architecture, column = _MACHINES[machine]
    denied = sorted(numbers[column] for numbers in _DENIED.values() if numbers[column] is not None)
    instructions = [
        (_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0), (_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    for number in denied:
        instructions += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | errno.EPERM)]
    instructions.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def apply():
    """Applies the profile to this process and its descendants. Requires no_new_privs."""
    code = program(os.uname().machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.c_char_p(head), 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
