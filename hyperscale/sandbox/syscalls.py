"""Numbers of the system calls that the filter names: `name:x86_64:aarch64`, with - where the architecture has no such call."""

ALLOWED = """
read:0:63 write:1:64 close:3:57 fstat:5:80 lseek:8:62 pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66 preadv:295:69
pwritev:296:70 preadv2:327:286 pwritev2:328:287 stat:4:- lstat:6:- newfstatat:262:79 statx:332:291 access:21:-
faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78 getdents:78:- getdents64:217:61 getcwd:79:17 chdir:80:49
fchdir:81:50 statfs:137:43 fstatfs:138:44 dup:32:23 dup2:33:- dup3:292:24 pipe:22:- pipe2:293:59 close_range:436:436
flock:73:32 fsync:74:82 fdatasync:75:83 ftruncate:77:46 fadvise64:221:223 sendfile:40:71 umask:95:166
rename:82:- renameat:264:38 renameat2:316:276 mkdir:83:- mkdirat:258:34 rmdir:84:- unlink:87:- unlinkat:263:35 symlink:88:-
symlinkat:266:36
mmap:9:222 mprotect:10:226 munmap:11:215 mremap:25:216 brk:12:214 madvise:28:233 mincore:27:232 msync:26:227
membarrier:324:283
poll:7:- ppoll:271:73 select:23:- pselect6:270:72 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:-
epoll_pwait:281:22 eventfd2:290:19 pause:34:- nanosleep:35:101 clock_nanosleep:230:115 futex:202:98 restart_syscall:219:128
shutdown:48:210
clock_gettime:228:113 clock_getres:229:114 gettimeofday:96:169 time:201:- times:100:153 getitimer:36:102 setitimer:38:103
alarm:37:-
rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigpending:127:136 rt_sigtimedwait:128:137
rt_sigsuspend:130:133 sigaltstack:131:132
getpid:39:172 gettid:186:178 getppid:110:173 getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177 getresuid:118:148
getresgid:120:150 getgroups:115:158 getpgrp:111:- getpgid:121:155 getsid:124:156 getpriority:140:141 getrlimit:97:163
setrlimit:160:164 getrusage:98:165 sysinfo:99:179 uname:63:160 getcpu:309:168 getrandom:318:278 sched_yield:24:124
sched_getaffinity:204:123 sched_getparam:143:121 sched_getscheduler:145:120 sched_get_priority_max:146:125
sched_get_priority_min:147:126 set_robust_list:273:99 set_tid_address:218:96 rseq:334:293 arch_prctl:158:- wait4:61:260
waitid:247:95 exit:60:93 exit_group:231:94
"""

# allowed with some arguments only: see seccomp.py
CONDITIONAL = """
open:2:- openat:257:56 fcntl:72:25 ioctl:16:29 clone:56:220 kill:62:129 tgkill:234:131 prctl:157:167 prlimit64:302:261
socketpair:53:199 sendto:44:206 recvfrom:45:207
"""

# Denied by name, to be told "Operation not permitted". Whatever is listed nowhere does not exist for a program.
DENIED = """
fork:57:- vfork:58:- execve:59:221 execveat:322:281 socket:41:198 connect:42:203 bind:49:200 listen:50:201 accept:43:202
accept4:288:242 ptrace:101:117 process_vm_readv:310:270 process_vm_writev:311:271 chmod:90:- fchmod:91:52 fchmodat:268:53
chown:92:- fchown:93:55 lchown:94:- fchownat:260:54 utime:132:- utimes:235:- utimensat:280:88 truncate:76:45 link:86:-
linkat:265:37 setuid:105:146 setgid:106:144 setresuid:117:147 setresgid:119:149 unshare:272:97 setns:308:268 mount:165:40
tkill:200:130 rt_sigqueueinfo:129:138 memfd_create:319:279 bpf:321:280 keyctl:250:219 userfaultfd:323:282
perf_event_open:298:241
"""
