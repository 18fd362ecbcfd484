/**
 * Whether a Helm chart is given as a folder, an archive or the URL of one, and not as a name in a repository or an
 * `oci://` reference. Names of charts have no slashes.
 */
export function isChartFile(chart: string | undefined): boolean {
  return chart !== undefined && !chart.startsWith("oci://") && (/[\\/]|\.tgz$/.test(chart) || /^\.{1,2}$/.test(chart));
}
