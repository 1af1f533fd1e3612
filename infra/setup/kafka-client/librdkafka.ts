/**
 * librdkafka as it is compiled where there is neither make nor Python: what its `configure` finds out on Linux, and the
 * files that its Makefile takes then. TLS, SCRAM and zlib are Node's own: its headers have OpenSSL's and zlib's, and
 * the process has their functions.
 */

/** Beside `src`, as its sources want it. Of version 2.12.0; glibc 2.28 and newer has all of it. */
export const CONFIG_HEADER = `#pragma once
#define SOLIB_EXT ".so"
#define WITHOUT_OPTIMIZATION 0
#define ENABLE_DEVEL 0
#define ENABLE_REFCNT_DEBUG 0
#define MKL_APP_NAME "librdkafka"
#define HAVE_PIC 1
#define HAVE_ATOMICS_32 1
#define HAVE_ATOMICS_32_ATOMIC 1
#define ATOMIC_OP32(OP1,OP2,PTR,VAL) __atomic_ ## OP1 ## _ ## OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define HAVE_ATOMICS_64 1
#define HAVE_ATOMICS_64_ATOMIC 1
#define ATOMIC_OP64(OP1,OP2,PTR,VAL) __atomic_ ## OP1 ## _ ## OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define ATOMIC_OP(OP1,OP2,PTR,VAL) __atomic_ ## OP1 ## _ ## OP2(PTR, VAL, __ATOMIC_SEQ_CST)
#define WITH_C11THREADS 1
#define WITH_LIBDL 1
#define WITH_PLUGINS 1
#define WITH_ZLIB 1
#define WITH_SSL 1
#define OPENSSL_SUPPRESS_DEPRECATED "OPENSSL_SUPPRESS_DEPRECATED"
#define WITH_HDRHISTOGRAM 1
#define WITH_SYSLOG 1
#define WITH_SNAPPY 1
#define WITH_SASL_SCRAM 1
#define WITH_SASL_OAUTHBEARER 1
#if defined(__x86_64__)
#define ARCH "x86_64"
#define WITH_CRC32C_HW 1
#else
#define ARCH "aarch64"
#endif
#define HAVE_REGEX 1
#define HAVE_RAND_R 1
#define HAVE_STRNDUP 1
#define HAVE_STRERROR_R 1
#define HAVE_STRCASESTR 1
#define HAVE_PTHREAD_SETNAME_GNU 1
#define HAVE_GETRUSAGE 1
#define BUILT_WITH "LIBDL PLUGINS ZLIB SSL HDRHISTOGRAM SYSLOG SNAPPY SASL_SCRAM SASL_OAUTHBEARER"
`;

/** Of the sources in `src`, those that the Makefile leaves out then: other systems, and what is off above. */
export const LEFT_OUT: ReadonlySet<string> = new Set([
  ...['rdkafka_sasl_cyrus.c', 'rdkafka_sasl_win32.c', 'rdkafka_sasl_oauthbearer_oidc.c'],
  ...['rdkafka_zstd.c', 'rdhttp.c', 'regexp.c'],
]);
