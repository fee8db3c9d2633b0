#ifndef MEETPOOL_FAULT_H
#define MEETPOOL_FAULT_H

/*
 * Points at which a test kills the process, so that "dies between this and that" is tried at each step and not placed by luck. In a build without
 * --enable-faults, such as is installed, there is nothing behind them.
 *
 * A process that comes to MP_FAULT("connect.exchanged") dies by SIGKILL if the file that MP_FAULT_FILE of the environment names holds that name; the
 * file is removed first, so that one process dies and the next one comes through.
 */
#ifdef MP_FAULTS
void mp_fault(const char *name);
#define MP_FAULT(name) mp_fault(name)
#else
#define MP_FAULT(name) ((void)0)
#endif

#endif
