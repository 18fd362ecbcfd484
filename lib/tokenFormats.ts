// The formats of credentials, as their makers document them: a prefix that is the maker's own, and enough letters after
// it that the text is a token and not a word about tokens.
//
// The table is our own. secretlint's rules, the well-kept library for them, are ES modules for Node 22 and newer behind an
// asynchronous engine; they know neither Doppler's tokens nor Pulumi's.

/** The kind of a credential, as a message names it, and its format. */
export type TokenFormat = readonly [kind: string, pattern: RegExp];

/** Each pattern is searched where no longer word runs into it. None repeats a group that can match in two ways. */
export const TOKEN_FORMATS: readonly TokenFormat[] = [
  ["a Doppler token", /dp\.(?:st|ct|sa|said|pt|scim|audit)\.(?:[\w-]+\.)?[A-Za-z0-9]{32}/],
  ["a GitHub token", /gh[opsur]_[A-Za-z0-9]{30}|github_pat_\w{40}/],
  ["a GitLab token", /gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct|oas)-[\w-]{20}|GR1348941[\w-]{20}/],
  ["a Bitbucket or Atlassian token", /AT(?:ATT3|CTT3|BB)[\w=-]{20}/],
  ["a Docker Hub token", /dckr_(?:pat|oat)_[\w-]{20}/],
  ["a Pulumi token", /pul-[0-9a-f]{32}/],
  ["a Terraform token", /[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{30}/],
  [
    "an AWS access key",
    /A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[A-Z0-9]{16}(?![A-Z0-9])|ABSK[A-Za-z0-9+/]{80}|bedrock-api-key-\w{30}/,
  ],
  ["a Google credential", /AIza[\w-]{35}|ya29\.[\w-]{20}|GOCSPX-[\w-]{20}/],
  ["an Azure client secret", /[\w.~-]{3}\dQ~[\w.~-]{31}/],
  ["an Alibaba access key", /LTAI[A-Za-z0-9]{20}(?![A-Za-z0-9])/],
  ["a DigitalOcean token", /do[opr]_v1_[0-9a-f]{40}/],
  ["a Cloudflare key", /v1\.0-[0-9a-f]{24}-[0-9a-f]{100}/],
  ["a Databricks token", /dapi[0-9a-f]{32}/],
  ["a Heroku, Fly.io or Scalingo token", /HRKU-AA[\w-]{40}|fo1_[\w-]{40}|fm[12][ar]?_[\w+/]{80}|tk-us-[\w-]{48}/],
  ["an OpenShift token", /sha256~[\w-]{43}(?![\w-])/],
  ["a Slack token", /xox(?:e\.xox[bp]|[abceoprs])-[\w.-]{12}|xapp-\d-[\w-]{16}/],
  ["a webhook with its secret", /hooks\.slack\.com\/(?:services|workflows|triggers)\/\w+\/\w+\/\w{8}/],
  ["a webhook with its secret", /discord(?:app)?\.com\/api\/webhooks\/\d+\/[\w-]{20}/],
  ["a webhook with its secret", /[a-z0-9-]{1,60}\.webhook\.office\.com\/webhookb2\/[\w@-]{60}/],
  ["a Telegram token", /\d{8,10}:AA[\w-]{32}/],
  ["a Stripe key", /[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16}|whsec_[\w+/=]{20}/],
  ["a Square token", /sq0(?:atp|csp)-[\w-]{20}|EAAA[\w-]{60}/],
  ["a Shopify token", /shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}/],
  [
    "a Shippo, EasyPost or Duffel key",
    /shippo_(?:live|test)_[0-9a-fA-F]{40}|EZ[AT]K[A-Za-z0-9]{54}|duffel_(?:test|live)_[\w=-]{40}/,
  ],
  ["a Flutterwave key", /FLWSECK(?:_TEST)?-[a-z0-9]{12}/],
  ["a SendGrid or Brevo key", /SG\.[\w-]{16,}\.[\w-]{16}|xkeysib-[0-9a-f]{64}/],
  ["a Mailgun key", /key-[0-9a-f]{32}(?![0-9a-f])/],
  ["a Mailchimp key", /[0-9a-f]{32}-us\d{1,2}(?![\w-])/],
  ["a package registry's token", /npm_[A-Za-z0-9]{30}|pypi-[\w-]{40}|rubygems_[0-9a-f]{40}|oy2[a-z0-9]{43}/],
  ["a package registry's token", /CLOJARS_[a-z0-9]{60}|AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59}/],
  ["an OpenAI or Anthropic key", /sk-(?:proj|svcacct|admin|ant-[a-z]+\d*|or-v1)-[\w-]{32}|sk-[A-Za-z0-9]{40}/],
  ["a Hugging Face or Perplexity token", /(?:hf|api_org)_[A-Za-z0-9]{30}|pplx-[A-Za-z0-9]{48}/],
  ["a Vault token", /hv[sbr]\.[\w-]{20}/],
  ["a Grafana token", /glsa_[A-Za-z0-9]{20}|glc_[\w+/=]{30}|eyJrIjoi[A-Za-z0-9]{60}/],
  ["a New Relic key", /NRAK-[A-Z0-9]{27}/],
  ["a Sentry token", /sntry[su]_[\w+/=-]{30}/],
  ["a Dynatrace token", /dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{40}/],
  ["a Linear, Notion, Figma or Postman token", /lin_api_\w{30}|ntn_\w{30}|figd_[\w-]{30}|PMAK-[0-9a-f-]{40}/],
  ["an Airtable, Frame.io or ReadMe token", /pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|fio-u-[\w=-]{64}|rdme_[a-z0-9]{70}/],
  ["a PlanetScale or Prefect token", /pscale_(?:tkn|oauth|pw)_[\w=.-]{32}|pnu_[A-Za-z0-9]{36}/],
  ["an Infracost, MaxMind or Octopus key", /ico-[A-Za-z0-9]{32}(?!\w)|\w{6}_\w{29}_mmk|API-[A-Z0-9]{26}(?!\w)/],
  ["a Harness or Sourcegraph token", /[ps]at\.[\w-]{22}\.\w{24}\.\w{20}|sgp_(?:\w+_)?[0-9a-f]{40}/],
  ["a Tailscale key", /tskey-[a-z]+-\w{8,}-\w{16}/],
  ["a Sonar token", /sq[uap]_[0-9a-f]{40}/],
  ["a 1Password token", /ops_eyJ[\w-]{40}|A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}(?!\w)/],
  ["a Twilio key", /SK[0-9a-f]{32}(?![0-9a-f])/],
  ["a Facebook token", /EAA[MC][A-Za-z0-9]{100}/],
  ["an Adobe or 42 client secret", /p8e-[A-Za-z0-9]{32}(?!\w)|s-s4t2(?:ud|af)-[0-9a-f]{64}/],
  ["a ClickHouse or SettleMint key", /4b1d[A-Za-z0-9]{38}(?!\w)|sm_[aps]at_[A-Za-z0-9]{16}/],
  ["an Authress key", /(?:sc|ext|scauth|authress)_\w{5,30}\.\w{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30}/],
  ["an age key", /AGE-SECRET-KEY-1[A-Z0-9]{40}/],
  ["a JSON Web Token", /eyJ[\w-]{8,}\.eyJ[\w-]{8,}/],
  [
    "a password hash",
    /\$2[abxy]\$\d\d\$[\w./]{53}|\$(?:1|5|6|y|apr1)\$[\w./$=]{20}|\$argon2\w+\$\S{20}|\{S?SHA\}[\w+/=]{20}/,
  ],
];
