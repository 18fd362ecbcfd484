import { X509Certificate } from "node:crypto";
import { PEM_PRIVATE_KEY } from "../../../lib/credentials";

// TLS certificates are issued and renewed in the cluster by cert-manager, and are in no Secret of this program.

export const CERT_MANAGER = "belongs to cert-manager, which issues it in the cluster and renews it";

/** The keys of a Secret of type kubernetes.io/tls, as a regular expression that RE2 reads as well. */
const TLS_KEY_SOURCE = "tls\\.(?:crt|key)";
const TLS_NAME_SOURCE = "(?:\\w+_)?(?:TLS|SSL)_(?:(?:PRIVATE_|CERT_|CERTIFICATE_)?KEY|CERT|CRT|CERTIFICATE)";

/** The same for all that says by its name or key that it is a TLS certificate, or the private key of one. */
export const TLS_SOURCE = `${TLS_NAME_SOURCE}|${TLS_KEY_SOURCE}`;

const TLS_KEY = new RegExp(`^${TLS_KEY_SOURCE}$`);
const TLS_NAME = new RegExp(`^${TLS_NAME_SOURCE}$`);

/** Whether a Doppler name says that its value is a TLS certificate or the private key of one. */
export const isTlsName = (name: string): boolean => TLS_NAME.test(name);

const TLS_TYPE = "kubernetes.io/tls";

/** Whether a Secret's type or keys say that it holds a TLS certificate. */
export const isTlsSecret = ({ type, keys }: Pick<SecretTarget, "type" | "keys">): boolean =>
  type === TLS_TYPE || keys?.some((key) => TLS_KEY.test(key)) === true;

/** A Secret that is asked for. */
export interface SecretTarget {
  /** Its type. */
  type?: string | undefined;
  /** Its keys. */
  keys?: readonly string[];
  /** The Doppler names that its values come from. */
  dopplerNames?: readonly string[];
  /** Literal texts in it, such as a template's. */
  texts?: readonly string[];
}

/**
 * Why a Secret is not this program's, where it holds a TLS certificate or the private key of one.
 *
 * @param secretNames Doppler names that the stack says are secrets of another kind
 */
export function tlsProblem(target: SecretTarget, secretNames: readonly string[]): string | undefined {
  const names = target.dopplerNames ?? [];
  const other = names.length > 0 && names.every((name) => secretNames.includes(name));
  if (isTlsSecret(target) && !other) {
    const what = target.type === TLS_TYPE ? `a Secret of type ${TLS_TYPE}` : "a TLS certificate, or its private key,";
    return `${what} ${CERT_MANAGER}; if it comes from elsewhere, name its Doppler names in secretNames`;
  }
  if (names.some((name) => isTlsName(name) && !secretNames.includes(name))) {
    return `a TLS certificate, or its private key, ${CERT_MANAGER}; if it comes from elsewhere, name its Doppler names in secretNames`;
  }
  if (target.texts?.some((text) => PEM_PRIVATE_KEY.test(text))) return `a certificate's private key ${CERT_MANAGER}`;
  return target.texts?.some(holdsServerCertificate) ? `a TLS certificate ${CERT_MANAGER}` : undefined;
}

/** An authority's certificate is another matter than a server's: it is public, long-lived, and often configuration. */
function holdsServerCertificate(text: string): boolean {
  return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).some((pem) => {
    try {
      const certificate = new X509Certificate(pem);
      return !certificate.ca && certificate.issuer !== certificate.subject;
    } catch {
      return true;
    }
  });
}
