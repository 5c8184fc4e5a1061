/**
 * The setup of the Docker Engine on a Windows host, and its undo, as PowerShell that an administrator reads and runs. For
 * Windows PowerShell 5.1 and later. Decides the same as docker-plan.ts, but on that host, where its files are. Pure.
 */

export interface WindowsSetup {
  /** `http://127.0.0.1:7620`. */
  proxyUrl: string;
  /** Whether Docker Hub is pulled through it. */
  mirror: boolean;
  proxied: readonly string[];
  /** Whether daemon.json may have `proxies`: Engine 23 and later. Else the service's environment has the proxy. */
  byKey: boolean;
  place: WindowsPlace;
}

export interface WindowsPlace {
  /** PEM of the proxy's authority, on that host. */
  caFile: string;
  /** Where old files are kept. */
  keepFolder: string;
}

/** Where manifests of Windows base images from before June 2023 leave layers. */
const FOREIGN_LAYERS = 'mcr.microsoft.com';

/** PowerShell ends a quoted text at any of the quotes that typesetting knows, too. */
export function quoted(text: string): string {
  return `'${text.replace(/['\u2018-\u201b]/g, '$&$&')}'`;
}

export function setupScript({ proxyUrl, mirror, proxied, byKey, place }: WindowsSetup): string {
  const values = `# Points the Docker Engine of this host at the proxy of its Shoal agent. Run it as administrator; twice does no harm.
# What was there is kept; "shoal setup docker --undo --windows" prints what brings it back.
${SHARED}
$proxy = ${quoted(proxyUrl)}
$registries = @(${proxied.map(quoted).join(', ')})
$authority = ${quoted(place.caFile)}
$kept = ${quoted(place.keepFolder)}
`;
  return [
    values,
    ...(proxied.length > 0 ? [CHECK_AUTHORITY] : []),
    READ_JSON,
    ...(mirror ? [ADD_MIRROR] : []),
    ...(proxied.length === 0 ? [] : [byKey ? ADD_PROXY_KEY : CHECK_ENVIRONMENT]),
    WRITE_JSON,
    ...(proxied.length === 0 ? [] : byKey ? [WRITE_AUTHORITIES] : [WRITE_ENVIRONMENT, WRITE_AUTHORITIES]),
    ...(proxied.includes(FOREIGN_LAYERS) ? [TRUST_FOR_ALL] : []),
    '# Then: Restart-Service docker\n',
  ].join('\n');
}

export function undoScript({ keepFolder }: Pick<WindowsPlace, 'keepFolder'>): string {
  return `# Brings back what was there before "shoal setup docker --windows". Run it as administrator.
${SHARED}
$kept = ${quoted(keepFolder)}

${RESTORE}
# Then: Restart-Service docker
`;
}

const SHARED = `$ErrorActionPreference = 'Stop'
$utf8 = New-Object System.Text.UTF8Encoding($false)
$docker = [IO.Path]::Combine($env:ProgramData, 'docker')
$service = 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\docker'`;

const CHECK_AUTHORITY = `if (-not (Test-Path -LiteralPath $authority)) {
  throw "$authority is not there: say proxy: true in agent.yaml, start the agent once, then run this again."
}
`;

/** Nothing is written before every check has passed. */
const READ_JSON = `$file = [IO.Path]::Combine($docker, 'config', 'daemon.json')
$text = ''
if (Test-Path -LiteralPath $file) { $text = [IO.File]::ReadAllText($file) }
if ($text.Trim() -eq '') { $text = '{}' }
$json = ConvertFrom-Json -InputObject $text
$changed = $false
`;

const ADD_MIRROR = `$mirrors = @($json.'registry-mirrors' | Where-Object { $_ })
if (-not ($mirrors | Where-Object { $_.TrimEnd('/') -eq $proxy })) {
  $json | Add-Member -NotePropertyName 'registry-mirrors' -NotePropertyValue ([object[]](@($proxy) + $mirrors)) -Force
  $changed = $true
}
`;

const ADD_PROXY_KEY = `if (-not $json.proxies) { $json | Add-Member -NotePropertyName 'proxies' -NotePropertyValue (New-Object PSObject) -Force }
$old = $json.proxies.'https-proxy'
if ($old -and $old.TrimEnd('/') -ne $proxy) { throw "$file has https-proxy $old already; remove it there first." }
if (-not $old) {
  $json.proxies | Add-Member -NotePropertyName 'https-proxy' -NotePropertyValue $proxy -Force
  $changed = $true
}
`;

const CHECK_ENVIRONMENT = `$environment = @((Get-ItemProperty -LiteralPath $service).Environment | Where-Object { $_ })
$given = @($environment | Where-Object { $_ -like 'HTTPS_PROXY=*' } | ForEach-Object { $_.Substring(12) })
$given += @([Environment]::GetEnvironmentVariable('HTTPS_PROXY', 'Machine') | Where-Object { $_ })
$other = @($given | Where-Object { $_.TrimEnd('/') -ne $proxy })
if ($other.Count -gt 0) { throw "HTTPS_PROXY of the engine is $($other[0]) already; remove it first." }
`;

const WRITE_JSON = `New-Item -ItemType Directory -Force -Path $kept | Out-Null
# Keeps what is there, the first time; notes what comes, so that an undo sees who changed it since.
function Save-File([string]$path, [byte[]]$bytes, [string]$name) {
  $copy = [IO.Path]::Combine($kept, $name)
  if (-not (Test-Path -LiteralPath "$copy.path")) {
    if (Test-Path -LiteralPath $path) { Copy-Item -LiteralPath $path -Destination "$copy.old" }
    [IO.File]::WriteAllText("$copy.path", $path, $utf8)
  }
  New-Item -ItemType Directory -Force -Path ([IO.Path]::GetDirectoryName($path)) | Out-Null
  [IO.File]::WriteAllBytes("$path.shoal-part", $bytes)
  Move-Item -LiteralPath "$path.shoal-part" -Destination $path -Force
  [IO.File]::WriteAllText("$copy.written", (Get-FileHash -LiteralPath $path).Hash, $utf8)
  "written: $path"
}
if ($changed) { Save-File $file $utf8.GetBytes((ConvertTo-Json -InputObject $json -Depth 100)) 'daemon.json' }
`;

const WRITE_ENVIRONMENT = `if ($environment -notcontains "HTTPS_PROXY=$proxy") {
  [IO.File]::WriteAllText([IO.Path]::Combine($kept, 'environment.proxy'), $proxy, $utf8)
  $next = [string[]]($environment + "HTTPS_PROXY=$proxy")
  New-ItemProperty -LiteralPath $service -Name Environment -PropertyType MultiString -Value $next -Force | Out-Null
  "written: $service Environment"
}
`;

/** The engine leaves the colon of a port out of the folder's name, and trusts every .crt in it. */
const WRITE_AUTHORITIES = `$bytes = [IO.File]::ReadAllBytes($authority)
foreach ($registry in $registries) {
  $name = $registry.Replace(':', '')
  $folder = [IO.Path]::Combine($docker, 'certs.d', $name)
  $path = [IO.Path]::Combine($folder, 'ca.crt')
  $isKept = Test-Path -LiteralPath ([IO.Path]::Combine($kept, "$name.path"))
  if ((Test-Path -LiteralPath $path) -and -not $isKept) {
    if ((Get-FileHash -LiteralPath $path).Hash -eq (Get-FileHash -LiteralPath $authority).Hash) { continue }
    $path = [IO.Path]::Combine($folder, 'shoal.crt')
  }
  if ($isKept) { $path = [IO.File]::ReadAllText([IO.Path]::Combine($kept, "$name.path")) }
  Save-File $path $bytes $name
}
`;

/** Said, not done: what the store of Windows trusts, all programs of the host trust. */
const TRUST_FOR_ALL = `# Layers that a manifest leaves at ${FOREIGN_LAYERS} are fetched with what Windows trusts, not with certs.d, and fail
# unless the authority is trusted there, too; then it is for all programs of this host. To trust it:
#   Import-Certificate -FilePath $authority -CertStoreLocation Cert:\\LocalMachine\\Root
# To end that:
#   Get-ChildItem Cert:\\LocalMachine\\Root | Where-Object { $_.Subject -like '*CN=Shoal proxy CA*' } | Remove-Item
`;

const RESTORE = `foreach ($item in @(Get-ChildItem -LiteralPath $kept -Filter '*.path' -ErrorAction SilentlyContinue)) {
  $copy = $item.FullName.Substring(0, $item.FullName.Length - 5)
  $path = [IO.File]::ReadAllText($item.FullName)
  $written = [IO.File]::ReadAllText("$copy.written")
  if ((Test-Path -LiteralPath $path) -and (Get-FileHash -LiteralPath $path).Hash -ne $written) {
    Write-Warning "$path was changed since and is left as it is; its old content is $copy.old"
    continue
  }
  if (Test-Path -LiteralPath "$copy.old") { Move-Item -LiteralPath "$copy.old" -Destination $path -Force }
  elseif (Test-Path -LiteralPath $path) {
    Remove-Item -LiteralPath $path
    $folder = [IO.Path]::GetDirectoryName($path)
    if (@(Get-ChildItem -LiteralPath $folder -Force).Count -eq 0) { Remove-Item -LiteralPath $folder }
  }
  Remove-Item -LiteralPath "$copy.written", $item.FullName
  "as before: $path"
}
$note = [IO.Path]::Combine($kept, 'environment.proxy')
if (Test-Path -LiteralPath $note) {
  $ours = 'HTTPS_PROXY=' + [IO.File]::ReadAllText($note)
  $left = [string[]]@((Get-ItemProperty -LiteralPath $service).Environment | Where-Object { $_ -and $_ -ne $ours })
  if ($left.Count -eq 0) { Remove-ItemProperty -LiteralPath $service -Name Environment -ErrorAction SilentlyContinue }
  else { New-ItemProperty -LiteralPath $service -Name Environment -PropertyType MultiString -Value $left -Force | Out-Null }
  Remove-Item -LiteralPath $note
  "as before: $service Environment"
}
`;
