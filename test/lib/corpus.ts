import { createHash } from "node:crypto";
import { rootCertificates } from "node:tls";
import { gzipSync } from "node:zlib";

// Ordinary values and credentials, each under the name it would have in a stack's settings. Credentials are made when
// a test runs, by a generator with a seed: none lies in a file, and every run of a seed sees the same ones.

/** A text in settings: what it stands for, what it is called there, and itself. */
export interface Sample {
  what: string;
  name: string;
  value: unknown;
}

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const DIGITS = "0123456789";
const HEX = "0123456789abcdef";
const ALNUM = LOWER + UPPER + DIGITS;
const URLSAFE = `${ALNUM}-_`;
const BASE32 = `${UPPER}234567`;

/** Mulberry32 with what the samples need of it. */
class Generator {
  constructor(private state: number) {}

  private next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  chars(alphabet: string, length: number): string {
    return Array.from({ length }, () => this.pick([...alphabet])).join("");
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(256)));
  }

  /** What a password manager makes: every kind of character, at any place. */
  password(length: number): string {
    for (;;) {
      const made = this.chars(`${ALNUM}!@#$%^&*-_+=?`, length);
      if ([/[a-z]/, /[A-Z]/, /\d/, /[!@#$%^&*+=?]/].every((kind) => kind.test(made))) return made;
    }
  }

  /** What a person makes up. */
  word(): string {
    return (
      this.pick(["Summer", "dragon", "letmein", "Welcome", "acme", "qwerty"]) + this.pick(["1", "2024!", "#99", ""])
    );
  }

  uuid(): string {
    const h = this.chars(HEX, 32);
    return [h.slice(0, 8), h.slice(8, 12), `4${h.slice(13, 16)}`, `a${h.slice(17, 20)}`, h.slice(20)].join("-");
  }
}

const hashOf = (algorithm: string, text: string, encoding: "hex" | "base64" = "hex") =>
  createHash(algorithm).update(text).digest(encoding);
const base64 = (text: string) => Buffer.from(text).toString("base64");
const repeat = (count: number, make: () => Sample): Sample[] => Array.from({ length: count }, make);

/** At least 200 credentials of the shapes that their makers document, or that people give them. */
export function credentials(seed: number): Sample[] {
  const g = new Generator(seed);
  const alnum = (n: number) => g.chars(ALNUM, n);
  const hex = (n: number) => g.chars(HEX, n);
  const safe = (n: number) => g.chars(URLSAFE, n);
  const jwt = () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: String(g.int(1e6)), iat: 1700000000 })}.${safe(43)}`;
  };
  const pem = (label: string, length = 160) =>
    `-----BEGIN ${label}-----\n${g.bytes(length).toString("base64").replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;
  // PKCS 8 of an Ed25519 key: a fixed head, and any 32 bytes.
  const der = () =>
    Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), g.bytes(32)]).toString("base64");

  // Tokens tell by themselves: their names here are such as tell nothing.
  const tokens: [string, () => string][] = [
    ["Doppler service token", () => `dp.st.${g.pick(["", "dev.", "prd_eu."])}${alnum(40 + g.int(5))}`],
    ["Doppler personal token", () => `dp.pt.${alnum(43)}`],
    ["Doppler service account token", () => `dp.sa.${alnum(43)}`],
    ["GitHub classic token", () => `ghp_${alnum(36)}`],
    ["GitHub OAuth or app token", () => `${g.pick(["gho", "ghs", "ghu"])}_${alnum(36)}`],
    ["GitHub fine-grained token", () => `github_pat_${alnum(22)}_${alnum(59)}`],
    ["GitLab token", () => `glpat-${safe(20)}`],
    ["Docker Hub token", () => `dckr_pat_${safe(27)}`],
    ["Pulumi token", () => `pul-${hex(40)}`],
    ["AWS access key", () => `AKIA${g.chars(BASE32, 16)}`],
    ["Google API key", () => `AIza${safe(35)}`],
    ["Google client secret", () => `GOCSPX-${safe(28)}`],
    ["Azure client secret", () => `${alnum(3)}8Q~${alnum(34)}`],
    ["Slack token", () => `xoxb-${g.chars(DIGITS, 12)}-${g.chars(DIGITS, 13)}-${alnum(24)}`],
    ["Slack webhook", () => `https://hooks.slack.com/services/T${alnum(10)}/B${alnum(10)}/${alnum(24)}`],
    ["Stripe key", () => `${g.pick(["sk", "rk"])}_live_${alnum(24)}`],
    ["SendGrid key", () => `SG.${safe(22)}.${safe(43)}`],
    ["npm token", () => `npm_${alnum(36)}`],
    ["PyPI token", () => `pypi-AgEIcHlwaS5vcmc${safe(70)}`],
    ["OpenAI key", () => `sk-proj-${safe(48)}`],
    ["Anthropic key", () => `sk-ant-api03-${safe(93)}AA`],
    ["Hugging Face token", () => `hf_${g.chars(LOWER + UPPER, 34)}`],
    ["Vault token", () => `hvs.${safe(90)}`],
    ["Terraform token", () => `${alnum(14)}.atlasv1.${safe(67)}`],
    ["DigitalOcean token", () => `dop_v1_${hex(64)}`],
    ["Grafana token", () => `glsa_${alnum(32)}_${hex(8)}`],
    ["Telegram token", () => `${g.chars(DIGITS, 10)}:AA${safe(33)}`],
    ["age key", () => `AGE-SECRET-KEY-1${g.chars("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)}`],
    ["Bitbucket token", () => `ATBB${alnum(32)}`],
    ["Alibaba access key", () => `LTAI${alnum(20)}`],
    ["Cloudflare key", () => `v1.0-${hex(24)}-${hex(146)}`],
    ["Databricks token", () => `dapi${hex(32)}`],
    ["Heroku token", () => `HRKU-AA${safe(58)}`],
    ["Fly.io token", () => `fo1_${safe(43)}`],
    ["OpenShift token", () => `sha256~${safe(43)}`],
    ["Discord webhook", () => `https://discord.com/api/webhooks/${g.chars(DIGITS, 18)}/${safe(68)}`],
    [
      "Teams webhook",
      () => `https://acme.webhook.office.com/webhookb2/${g.uuid()}@${g.uuid()}/IncomingWebhook/${hex(32)}`,
    ],
    ["Square token", () => `sq0atp-${safe(22)}`],
    ["Shopify token", () => `shpat_${hex(32)}`],
    ["Shippo token", () => `shippo_live_${hex(40)}`],
    ["Flutterwave key", () => `FLWSECK_TEST-${g.chars("abcdefgh0123456789", 32)}-X`],
    ["Mailgun key", () => `key-${hex(32)}`],
    ["Mailchimp key", () => `${hex(32)}-us12`],
    ["New Relic key", () => `NRAK-${g.chars(UPPER + DIGITS, 27)}`],
    ["Sentry token", () => `sntryu_${hex(64)}`],
    ["Dynatrace token", () => `dt0c01.${g.chars(BASE32, 24)}.${g.chars(BASE32, 64)}`],
    ["Linear key", () => `lin_api_${alnum(40)}`],
    ["Airtable token", () => `pat${alnum(14)}.${hex(64)}`],
    ["PlanetScale token", () => `pscale_tkn_${safe(43)}`],
    ["Octopus key", () => `API-${g.chars(UPPER + DIGITS, 26)}`],
    ["Sourcegraph token", () => `sgp_${hex(40)}`],
    ["Tailscale key", () => `tskey-auth-${alnum(12)}CNTRL-${alnum(32)}`],
    ["Sonar token", () => `squ_${hex(40)}`],
    ["1Password token", () => `ops_eyJ${alnum(250)}`],
    ["Twilio key", () => `SK${hex(32)}`],
    ["Facebook token", () => `EAAC${alnum(120)}`],
    ["Adobe client secret", () => `p8e-${alnum(32)}`],
    ["SettleMint key", () => `sm_pat_${alnum(16)}`],
    ["Authress key", () => `sc_${alnum(10)}.${alnum(5)}.acc-${hex(20)}.${safe(80)}`],
    ["JSON Web Token", jwt],
    ["private key", () => pem(g.pick(["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"]))],
    ["private key in Base64", () => base64(pem("PRIVATE KEY"))],
    ["private key in DER", der],
    ["password hash", () => `$2a$10$${g.chars(`${ALNUM}./`, 53)}`],
    ["token in Base64", () => base64(`ghp_${alnum(36)}`)],
    ["PostgreSQL URL", () => `postgres://app:${g.pick([g.word(), alnum(12)])}@db.acme.svc:5432/app?sslmode=require`],
    ["MongoDB URL", () => `mongodb+srv://app:${alnum(16)}@cluster0.ab1cd.mongodb.net/app`],
    ["Redis URL", () => `redis://:${alnum(10)}@redis-master.cache.svc.cluster.local:6379/0`],
    ["AMQP URL", () => `amqp://guest:${g.word()}@rabbitmq:5672/%2f`],
    ["proxy URL", () => `http://proxy-user:${g.word()}@proxy.acme.example:3128`],
    ["repository URL", () => `https://x-access-token:ghs_${alnum(36)}@github.com/acme/web.git`],
    ["Go driver's URL", () => `app:${alnum(14)}@tcp(mysql.acme.svc:3306)/app?parseTime=true`],
    [
      "ADO connection string",
      () => `Server=sql.acme.example;Database=app;User Id=app;Password=${g.word()};Encrypt=true`,
    ],
    ["libpq connection string", () => `host=db.acme.svc user=app password=${alnum(10)} dbname=app`],
    [
      "storage connection string",
      () =>
        `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${g.bytes(64).toString("base64")};EndpointSuffix=core.windows.net`,
    ],
    ["URL with a token", () => `https://api.acme.example/hook?token=${alnum(24)}`],
    ["argument", () => `--api-token=${alnum(24)}`],
    ["header", () => `Authorization: Basic ${base64(`ci:${g.word()}`)}`],
    ["bearer header", () => `Authorization: Bearer ${alnum(40)}`],
    [
      "Docker configuration",
      () => JSON.stringify({ auths: { "https://index.docker.io/v1/": { username: "acme", password: g.word() } } }),
    ],
    ["configuration file", () => `smtp:\n  host: smtp.acme.example\n  password: ${g.word()}\n`],
    [
      "kubeconfig",
      () => `users:\n  - name: admin\n    user:\n      client-key-data: ${base64(pem("RSA PRIVATE KEY"))}\n`,
    ],
  ];
  const names = ["value", "setting", "url", "extra", "endpoint", "config"];

  // These look like anything; what they are called gives them away.
  const named: [string, string, () => unknown][] = [
    ["password of a person", "adminPassword", () => g.word()],
    ["password of a person", "smtp-password", () => g.word()],
    ["password of digits", "password", () => 100000 + g.int(899999)],
    ["passphrase", "passphrase", () => "correct horse battery staple"],
    ["mail password", "mailPwd", () => [4, 4, 4, 4].map((n) => g.chars(LOWER, n)).join(" ")],
    ["key of 32 hexadecimal digits", "datadogApiKey", () => hex(32)],
    ["key of 40 hexadecimal digits", "DD_APP_KEY", () => hex(40)],
    ["secret of 32 hexadecimal digits", "client_secret", () => hex(32)],
    ["token in the form of a UUID", "apiToken", () => g.uuid()],
    ["AWS secret key", "secretAccessKey", () => g.bytes(30).toString("base64")],
    ["openssl rand -hex 32", "sessionKey", () => hex(64)],
    ["openssl rand -base64 32", "cookieSecret", () => g.bytes(32).toString("base64")],
    ["32 letters and digits", "clientSecret", () => alnum(32)],
    ["password that looks like a key of a Secret", "postgresPassword", () => "postgres-password"],
    ["encryption key", "encryptionKey", () => alnum(16)],
  ];
  return [
    ...tokens.flatMap(([what, make]) => repeat(4, () => ({ what, name: g.pick(names), value: make() }))),
    ...named.flatMap(([what, name, make]) => repeat(2, () => ({ what, name, value: make() }))),
    { what: "environment variable", name: "env", value: [{ name: "DB_PASSWORD", value: g.word() }] },
    { what: "arguments", name: "args", value: ["--user", "app", "--password", g.word()] },
    { what: "Secret", name: "extraObjects", value: [{ kind: "Secret", stringData: { user: g.word() } }] },
    { what: "key of a map", name: "labels", value: { [`ghp_${alnum(36)}`]: "x" } },
  ];
}

/**
 * What nothing but chance tells from an id, a checksum or a picture: no format, no grammar, and a name that says nothing.
 * It is let through, since a rule that finds it refuses checksums as well.
 */
export function anonymous(seed: number): Sample[] {
  const g = new Generator(seed);
  const made: [string, string][] = [
    ["openssl rand -hex 32", g.chars(HEX, 64)],
    ["openssl rand -base64 24", g.bytes(24).toString("base64")],
    ["32 bytes in URL-safe Base64", g.bytes(32).toString("base64url")],
    ["32 letters and digits", g.chars(ALNUM, 32)],
    ["TOTP seed", g.chars(BASE32, 32)],
    ["generated password", g.password(20)],
  ];
  return made.map(([what, value]) => ({ what, name: "value", value }));
}

/** At least 200 ordinary values; those with ids in them are made as credentials are. */
export function ordinary(seed: number): Sample[] {
  const g = new Generator(seed);
  const hex = (n: number) => g.chars(HEX, n);
  const base36 = (n: number) => g.chars(LOWER + DIGITS, n);
  const certificate = g.pick(rootCertificates);
  const sha = (algorithm: string, encoding: "hex" | "base64") =>
    createHash(algorithm).update(g.bytes(8)).digest(encoding);

  const made: [name: string, make: () => string][] = [
    ["identity", () => g.uuid()],
    ["tenantId", () => g.uuid()],
    ["url", () => `https://login.microsoftonline.com/${g.uuid()}/v2.0`],
    ["revision", () => hex(40)],
    ["targetRevision", () => hex(7)],
    ["value", () => hex(40)],
    ["tag", () => `v1.4.2-${hex(12)}`],
    ["tag", () => `sha-${hex(40)}`],
    ["image", () => `ghcr.io/acme/web@sha256:${hex(64)}`],
    ["image", () => `registry.k8s.io/pause:3.9@sha256:${hex(64)}`],
    ["digest", () => `sha256:${hex(64)}`],
    ["checksum", () => sha("sha256", "hex")],
    ["integrity", () => `sha512-${sha("sha512", "base64")}`],
    ["thumbprint", () => hex(40)],
    ["fingerprint", () => `SHA256:${sha("sha256", "base64").replace("=", "")}`],
    ["hash", () => `h1:${sha("sha256", "base64")}`],
    ["zoneId", () => hex(32)],
    ["hostedZoneId", () => `Z${g.chars(UPPER + DIGITS, 20)}`],
    ["distribution", () => `E${g.chars(UPPER + DIGITS, 13)}`],
    ["vpc", () => `vpc-0${hex(16)}`],
    ["subnet", () => `subnet-0${hex(16)}`],
    ["userPool", () => `eu-west-1_${g.chars(ALNUM, 9)}`],
    ["clientId", () => g.chars(ALNUM, 32)],
    ["clientId", () => `${g.chars(DIGITS, 12)}-${base36(32)}.apps.googleusercontent.com`],
    ["githubClientId", () => `Iv1.${hex(16)}`],
    ["certificateArn", () => `arn:aws:acm:eu-west-1:${g.chars(DIGITS, 12)}:certificate/${g.uuid()}`],
    ["arn", () => `arn:aws:secretsmanager:us-east-1:${g.chars(DIGITS, 12)}:secret:prod/app-${g.chars(ALNUM, 6)}`],
    ["role", () => `arn:aws:iam::${g.chars(DIGITS, 12)}:role/AWSReservedSSO_AdministratorAccess_${hex(16)}`],
    ["registry", () => `${g.chars(DIGITS, 12)}.dkr.ecr.eu-central-1.amazonaws.com/acme/web:1.2.3`],
    ["endpoint", () => `https://${hex(32).toUpperCase()}.gr7.eu-west-1.eks.amazonaws.com`],
    ["hostname", () => `a${hex(31)}-${g.chars(DIGITS, 10)}.eu-west-1.elb.amazonaws.com`],
    ["url", () => `https://vpc-search-${g.chars(BASE32.toLowerCase(), 26)}.eu-west-1.es.amazonaws.com`],
    ["hostname", () => `app.c${base36(11)}.eu-west-1.rds.amazonaws.com`],
    ["dsn", () => `https://${hex(32)}@o${g.chars(DIGITS, 6)}.ingest.sentry.io/${g.chars(DIGITS, 7)}`],
    ["pod", () => `web-${g.chars("bcdfghjklmnpqrstvwxz2456789", 10)}-${g.chars("bcdfghjklmnpqrstvwxz2456789", 5)}`],
    ["publishableKey", () => `pk_live_${g.chars(ALNUM, 24)}`],
    [
      "knownHosts",
      () =>
        `github.com ssh-ed25519 ${Buffer.concat([Buffer.from("AAAAC3NzaC1lZDI1NTE5AAAAI", "base64"), g.bytes(33)]).toString("base64")}`,
    ],
    ["recipient", () => `age1${g.chars("qpzry9x8gf2tvdw0s3jn54khce6mua7l", 58)}`],
    ["etag", () => `"${hex(32)}"`],
    ["traceparent", () => `00-${hex(32)}-${hex(16)}-01`],
    ["bucket", () => `acme-terraform-state-${hex(8)}`],
  ];
  const written: [name: string, values: unknown[]][] = [
    ["caBundle", [certificate, base64(certificate), certificate.replace(/-----.*?-----|\n/g, "")]],
    [
      "config",
      [
        `clusters:\n  - cluster:\n      certificate-authority-data: ${base64(certificate)}\n      server: https://10.0.0.1:6443\n`,
      ],
    ],
    [
      "chart",
      [
        "external-secrets",
        "oci://ghcr.io/external-secrets/charts/external-secrets",
        "./charts/external-secrets-2.9.0.tgz",
      ],
    ],
    [
      "repository",
      [
        "ghcr.io/external-secrets/external-secrets",
        "quay.io/jetstack/cert-manager-controller",
        "docker.io/library/postgres",
      ],
    ],
    [
      "image",
      [
        "postgres:16.4-alpine3.20",
        "registry.acme.example:5000/team-a/service_b:2024.10.1-rc.3",
        "nginxinc/nginx-unprivileged:1.27-alpine",
      ],
    ],
    ["version", ["2.9.0", "v1.31.4+k3s1", "1.30.6-gke.1125000", "0.0.0-20240905160748-9c2ec8a3b4f1", ">=1.2.3 <2.0.0"]],
    [
      "url",
      [
        "https://doppler.example",
        "http://prometheus-operated.monitoring.svc.cluster.local:9090",
        "https://github.com/acme/secrets-pipeline.git",
        "https://charts.external-secrets.io",
        "https://acme.example/docs/Getting-Started_With-Secrets.html?utm_source=newsletter&utm_campaign=2024-Q4#chapter-3",
        "git@github.com:acme/web.git",
        "ssh://git@github.com/acme/web.git",
        "postgres://app@db.acme.svc:5432/app",
        "postgres://$(DB_USER):$(DB_PASSWORD)@db.acme.svc/app",
        "postgres://{{ .user }}:{{ .password }}@db/app",
        "https://user:${PASSWORD}@acme.example",
        "http://localhost:8080/path@v1",
        "https://accounts.google.com/.well-known/openid-configuration",
      ],
    ],
    [
      "host",
      [
        "db.acme.svc.cluster.local",
        "ip-10-0-12-34.eu-west-1.compute.internal",
        "web-0.web-headless.default.svc",
        "acme-prod-postgres.postgres.database.azure.com",
        "smtp.eu.mailgun.org",
      ],
    ],
    ["cidr", ["10.0.0.0/8", "2001:db8:85a3::8a2e:370:7334/64", "fe80::1"]],
    ["interval", ["1m", "1h30m", "90s", "P3DT4H", "2024-10-01T12:34:56.789Z", "Mon, 02 Jan 2006 15:04:05 MST"]],
    ["schedule", ["*/5 * * * *", "0 3 1-7 * MON", "@hourly", "TZ=Europe/Berlin 30 4 * * *"]],
    ["resources", ["250m", "64Mi", "1.5Gi", "1000000000", "4e3"]],
    ["namespace", ["default", "kube-system", "external-secrets", "team-a-production-eu-west-1"]],
    ["secretName", ["web-secrets", "doppler-token-auth", "wildcard-acme-example-tls"]],
    ["existingSecret", ["postgres-credentials", "grafana-admin-user-and-password"]],
    ["existingSecretPasswordKey", ["password", "postgres-password"]],
    ["existingUserSecretKey", ["username"]],
    ["secretKey", ["database-url", "DATABASE_URL"]],
    ["passwordKey", ["admin-password"]],
    ["passwordSecretRef", [{ name: "db", key: "password" }]],
    ["tokenPath", ["/var/run/secrets/kubernetes.io/serviceaccount/token"]],
    ["passwordFile", ["/etc/acme/password.txt", "./password"]],
    ["privateKey", ["tls.key", { name: "issuer", key: "tls.key" }]],
    [
      "password",
      [
        "",
        "${DB_PASSWORD}",
        "$(DB_PASSWORD)",
        "{{ .Values.password }}",
        "<set in Doppler>",
        "DB_PASSWORD",
        "****",
        "vault:secret/data/db#password",
        "op://acme/db/password",
      ],
    ],
    ["apiKey", ["DATADOG_API_KEY", "/run/secrets/api-key", "null"]],
    ["token", ["API_TOKEN", "env:API_TOKEN"]],
    ["automountServiceAccountToken", [true, "false"]],
    ["serviceToken", ["external-secrets-1", "external-secrets-2024-10"]],
    ["maxTokens", ["4096", 8192]],
    ["tokenExpiration", ["24h"]],
    [
      "env",
      [
        [{ name: "DB_PASSWORD", valueFrom: { secretKeyRef: { name: "db", key: "password" } } }],
        [{ name: "LOG_LEVEL", value: "debug" }],
        [{ name: "TOKEN_FILE", value: "/var/run/token" }],
      ],
    ],
    [
      "args",
      [
        ["--leader-elect", "--metrics-bind-address=:8080"],
        ["--token-file", "/var/run/token"],
        ["--client-id=web", "--oidc-issuer-url=https://dex.acme.example"],
      ],
    ],
    [
      "dopplerName",
      [
        "DATABASE_URL",
        "JWT_SECRET",
        "REPORTS_DATABASE_URL",
        "SMTP_PASSWORD",
        "AUTH0_CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY_2",
      ],
    ],
    [
      "description",
      [
        "Secrets of all Acme apps, one environment per stack",
        "Ask #platform for the password: it is in Doppler.",
        "Tokens begin with ghp_ (classic) or github_pat_ (fine-grained).",
        "Basic authentication is off; Bearer tokens only",
        "Zugänge für die Berichte – nur lesend, läuft über den Übersetzungsdienst",
        "Password = the one that was typed in the dashboard",
        "Renamed from supercalifragilisticexpialidocious in 2024",
      ],
    ],
    [
      "expr",
      [
        'sum by (namespace) (rate(externalsecret_sync_calls_error{namespace!=""}[5m])) > 0',
        "histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket[5m])) by (le))",
        "{.status.conditions[?(@.type=='Ready')].status}",
        "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "!(NODE_ENV == 'test' && CI == 1)",
        "s/^v([0-9]+)\\..*$/V$1/",
      ],
    ],
    [
      "template",
      [
        "postgres://{{ .user }}:{{ .password }}@{{ .host }}:5432/app",
        '{{ include "common.names.fullname" . }}-{{ .Values.suffix | default "x" }}',
        '{{ printf "%s:%s" .username .password | b64enc }}',
      ],
    ],
    [
      "annotations",
      [
        {
          "prometheus.io/scrape": "true",
          "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/external-secrets",
        },
        { "nginx.ingress.kubernetes.io/proxy-body-size": "50m" },
        { "iam.gke.io/gcp-service-account": "external-secrets@acme-prod-123456.iam.gserviceaccount.com" },
      ],
    ],
    [
      "nodeSelector",
      [
        { "kubernetes.io/arch": "arm64", "topology.kubernetes.io/zone": "eu-west-1a" },
        { "node.kubernetes.io/instance-type": "m6i.2xlarge" },
      ],
    ],
    ["tolerations", [[{ key: "dedicated", operator: "Equal", value: "external-secrets", effect: "NoSchedule" }]]],
    ["email", ["platform-team+alerts@acme.example", "external-secrets@acme-prod-123456.iam.gserviceaccount.com"]],
    ["ALLOWED_ORIGINS", ["https://acme.example,https://www.acme.example", "*"]],
    [
      "path",
      [
        "/usr/share/zoneinfo/America/Argentina/ComodRivadavia",
        "node_modules/@pulumi/kubernetes/apiextensions",
        "C:\\ProgramData\\Acme\\Config.xml",
        "~/.kube/config",
      ],
    ],
    [
      "name",
      [
        "MutatingWebhookConfiguration",
        "getSecretsOutputFromDopplerConfig",
        "clusterexternalsecrets.external-secrets.io",
        "io.kubernetes.client.openapi.models.V1beta1CustomResourceDefinition",
        "secrets-pipeline:index:ExternalSecretsOperator",
        "com.example.ABTestHTTPSProxyFactory2Impl",
      ],
    ],
    ["contentType", ["application/vnd.kubernetes.protobuf;stream=watch", "text/html; charset=UTF-8"]],
    ["ciphers", ["ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305", "TLS_AES_256_GCM_SHA384"]],
    ["javaOpts", ["-Xmx512m -XX:+UseG1GC -Djava.security.egd=file:/dev/./urandom"]],
    [
      "values.yaml",
      [
        "replicaCount: 2\nimage:\n  tag: v1.2.3\nauth:\n  existingSecret: web-secrets\n",
        '{"log":{"level":"info"},"features":["a","b"],"auth":{"tokenFile":"/var/run/token"}}',
      ],
    ],
    ["encoded", [base64("hello world, this is plain text\n"), base64('{"log":{"level":"info"}}')]],
    ["phone", ["+49 30 901820", "00-1-555-0100"]],
    // Named like a credential, and none: a switch, a mode, an alias, the name of a Secret or of a key in it.
    ["token", ["enabled", "disabled", "jwt", "optional", "projected", "datadog-token-v2"]],
    ["apiKey", ["datadog-secret", "datadog-api-key", "grafana-cloud-2024", "apiKeyAuth", "from-secret"]],
    ["appKey", ["datadog-secret", "00000000000000000000000000000000"]],
    ["initialClusterToken", ["etcd-cluster-1", "etcd-cluster-k8s"]],
    ["encryptionKey", ["alias/ebs", "alias/acme-prod-2024", "arn:aws:kms:eu-west-1:123456789012:key/mrk-acme"]],
    ["encryptionKey", ["projects/acme-prod/locations/eu/keyRings/state/cryptoKeys/pulumi"]],
    ["signingKey", ["/keys/signing.pem", "keys/cosign.key", "awskms:///alias/cosign"]],
    ["storageKey", ["state/v1/clusters", "namespaces-by-cluster-eu1"]],
    ["accessKey", ["minio-service", "backup"]],
    ["secretKey", ["applicationSecret", "APP__SESSION_SECRET", "consumerKey", "tls-v1.3-key", "smtp_password"]],
    ["licenseKey", ["${{ secrets.LICENSE_KEY }}", "op://Shared/acme license/key", "__LICENSE_KEY__"]],
    ["masterKey", ["", "null", "<generated at first start>"]],
    ["clientSecret", ["$oidc.argocd.clientSecret", "oidc-client", "vault:kv/data/oidc#secret"]],
    ["webhookSecret", ["github-webhook", "shared-with-github"]],
    ["secretKeys", [{ adminPasswordKey: "postgres-password", password: "user-password" }]],
    ["passwordSecretRef", [{ key: "password", password: "smtp-password" }]],
    ["password", ["${{ secrets.REGISTRY_PASSWORD }}", "vault:kv/data/db#password", "/etc/db/password", "None"]],
    [
      "connectionString",
      ["Host=db.acme.svc;Database=app;SSL Mode=Require", "mongodb://mongo-0.mongo,mongo-1.mongo/app"],
    ],
    [
      "instrumentation",
      ["InstrumentationKey=6a1f2b3c-0000-4000-8000-1234567890ab;IngestionEndpoint=https://eu.acme.example"],
    ],
    // Random to look at, and public.
    ["checksum/config", [hashOf("sha256", "config"), hashOf("sha256", "")]],
    ["checksum/secret", [hashOf("sha256", "secret"), hashOf("sha1", "secret")]],
    ["configchecksum", [`${hashOf("sha256", "values")}`.slice(1)]],
    ["annotations", [{ "checksum/values": hashOf("sha256", "values"), "pulumi.com/patchForce": "true" }]],
    ["firebaseAppId", ["1:123456789012:web:0a1b2c3d4e5f60718293a4", "1:123456789012:android:f0e1d2c3b4a59687"]],
    ["recaptchaSiteKey", [`6L${hashOf("sha256", "site", "base64").replace(/[+/=]/g, "x").slice(0, 38)}`]],
    ["measurementId", ["G-AB12CD34EF", "UA-12345678-1", "GTM-K9X2QW7"]],
    ["devicePathFilter", ["/dev/disk/by-id/nvme-ACME_7450_MTFDKBA800TFS_.*", "^nvme[0-9]n1$"]],
    ["imageURL", [`data:image/png;base64,iVBORw0KGgo${hashOf("sha512", "picture", "base64").repeat(9)}`]],
    ["dashboards", [gzipSync(JSON.stringify({ title: "Secrets", panels: [1, 2, 3] })).toString("base64")]],
    ["binaryData", [{ "dashboard.json.gz": gzipSync("{}".repeat(400)).toString("base64") }]],
    ["item", ["vaults/c6itdbmw5gdslnnep2vfihhu54/items/2a7gq3vxnmzk", "OqPt3Vd37My7G8rTb-8Q"]],
    ["remoteRef", [{ key: "kv/1f2e3d4c-5b6a-4978-8a9b-0c1d2e3f4a5b", version: "3" }]],
    ["serialNumber", ["4F:7A:11:C2:99:0B:DE:52:A1:3C", "S6CKNN0T301234X"]],
    ["machineId", ["b08dfa6083e7567a1921a715000001fb"]],
    ["modulus", [hashOf("sha512", "modulus"), `0x${hashOf("sha256", "curve")}`]],
    [
      "nodeId",
      ["QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"],
    ],
    ["shardMap", ["0x7f3a,0x91bc,0x02de", "a1b2c3:d4e5f6:071829"]],
    // Scripts and texts with assignments that give no value.
    [
      "script",
      [
        'PASSWORD="not set"\nif [ -f "$FILE" ]; then PASSWORD=$(cat "$FILE"); fi\nTOKEN=`cat /var/run/token`\n',
        'export DB_PASSWORD="${DB_PASSWORD:?}"\npsql "host=db user=app password=$DB_PASSWORD"\n',
        'curl -H "Authorization: Bearer $(cat /var/run/token)" https://acme.example\n',
        "GPG_PASSPHRASE=signing/helm:passphrase\nGPG_PRIVATE_KEY=signing/helm:private_key\n",
      ],
    ],
    [
      "config.yaml",
      [
        "receivers:\n  - name: pager\n    token_file: /etc/pager/token\n",
        "auth:\n  password: ${SMTP_PASSWORD}\n  token: {{ .Values.token }}\n",
        "docs:\n  - Password: api/generator/password.md\n",
      ],
    ],
    ["locale", ["de-DE", "Europe/Berlin", "en_US.UTF-8"]],
    ["color", ["#1f2d3d", "rgba(31, 45, 61, 0.5)"]],
    ["license", ["Apache-2.0", "MIT OR GPL-3.0-or-later"]],
  ];
  return [
    ...made.flatMap(([name, make]) => repeat(3, () => ({ what: name, name, value: make() }))),
    ...written.flatMap(([name, values]) => values.map((value) => ({ what: name, name, value }))),
  ];
}
